"""Temperature and the burden's interval, on pictures whose truth is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.errors import TrainingDataError
from training.calibration import (
    best_temperature,
    covered,
    covering_probability,
    interval_probability,
)


def drawn_pictures(
    rng: np.random.Generator, count: int, slope: float = 1.0, shift: float = 0.8
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A network's probabilities, and truths that a reader drew with a mood of their own.

    slope: by which the network's logits are too large. shift: standard deviation of the mood.
    """
    probabilities, truths = [], []
    for _ in range(count):
        logit = rng.normal(-2.0, 2.0, (30, 30))
        mood = logit + rng.normal(0.0, shift)
        truths.append(rng.random((30, 30)) < 1 / (1 + np.exp(-mood)))
        probabilities.append(1 / (1 + np.exp(-slope * logit)))
    return probabilities, truths


def test_the_score_of_a_picture_by_hand() -> None:
    p = np.array([[0.9, 0.7, 0.4, 0.1]])

    def score(*truth: int) -> float:
        return covering_probability(p, np.array([truth], bool))

    # Two true pixels: the second highest reaches 0.5, and 0.4 stays below 1 - 0.5.
    assert score(1, 1, 0, 0) == 0.5
    # Three: the third highest is 0.4.
    assert score(1, 1, 0, 1) == pytest.approx(0.4)
    # One: the second highest, 0.7, must not reach 1 - q.
    assert score(0, 1, 0, 0) == pytest.approx(0.3)
    assert score(0, 0, 0, 0) == pytest.approx(0.1)
    assert score(1, 1, 1, 1) == pytest.approx(0.1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_a_picture_is_covered_up_to_its_score_and_no_further(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (p,), (truth,) = drawn_pictures(rng, 1, shift=3.0)
    q = covering_probability(p, truth)
    assert covered(p, truth, q)
    assert covered(p, truth, q / 2)
    if q < 0.5:
        assert not covered(p, truth, q + 1e-6)


def test_nineteen_of_twenty_new_pictures_are_covered() -> None:
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(60):
        q = interval_probability(*drawn_pictures(rng, 50))
        new = zip(*drawn_pictures(rng, 40), strict=True)
        shares.append(np.mean([covered(p, truth, q) for p, truth in new]))
    # Of 2,400 new pictures; 50 pictures choose the second worst: 1 - 2 / 51 = 0.961 in the mean.
    assert 0.945 <= np.mean(shares) <= 0.977


def test_too_few_pictures_tell_nothing() -> None:
    p, truth = drawn_pictures(np.random.default_rng(0), 19)
    assert 0 < interval_probability(p, truth) <= 0.5
    with pytest.raises(TrainingDataError, match="18 pictures"):
        interval_probability(p[:-1], truth[:-1])


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.7])
def test_the_temperature_undoes_a_network_that_is_too_sure(slope: float) -> None:
    p, truth = drawn_pictures(np.random.default_rng(1), 40, slope, shift=0.0)
    assert best_temperature(p, truth) == pytest.approx(slope, rel=0.05)
