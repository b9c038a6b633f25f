"""The alternative-annotator test as published: tests per rater, winning rate, honest verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from medai.agreement import ImageRatings, alternative_annotator
from medai.agreement.alternative_annotator import _benjamini_yekutieli, dice_matrix
from medai.agreement.patterns import rating_patterns

NAMES = ("a", "b", "c", "model")


def images_of(number: int, noise: tuple[float, ...], seed: int = 0) -> list[ImageRatings]:
    """Raters and a model that flip each pixel of one truth with a probability of their own."""
    random = np.random.default_rng(seed)
    images = []
    for k in range(number):
        truth = random.random(300) < 0.3
        masks = np.stack([truth ^ (random.random(300) < share) for share in noise])
        images.append(
            ImageRatings(f"{k}", masks.astype(np.uint8), NAMES[: len(noise) - 1] + NAMES[-1:])
        )
    return images


def test_a_model_as_good_as_raters_passes_with_enough_images() -> None:
    found = alternative_annotator("model", images_of(60, (0.1, 0.1, 0.1, 0.08)), resamples=200)
    assert found.winning_rate == 1.0
    assert found.sentence.startswith("model can stand in for a rater")
    # By hand: the paired t test of one rater.
    lost = []
    for image in images_of(60, (0.1, 0.1, 0.1, 0.08)):
        alike = dice_matrix(rating_patterns(image.masks))
        mine, theirs = alike[3, 1:3].mean(), alike[0, 1:3].mean()
        lost.append(float(theirs >= mine) - float(mine >= theirs))
    expected = stats.ttest_1samp(np.array(lost) - 0.2, 0.0, alternative="less").pvalue
    assert found.tests[0].p == pytest.approx(expected)


def test_below_thirty_images_wilcoxon_takes_the_place_of_t() -> None:
    images = images_of(20, (0.1, 0.1, 0.1, 0.1))
    found = alternative_annotator("model", images, resamples=100)
    test = found.tests[1]
    assert test.images == 20
    assert 0 < test.p < 1
    assert test.advantage + test.rater_advantage >= 1.0


def test_three_images_give_no_verdict_and_never_equivalence() -> None:
    for number in (1, 3, 14):
        found = alternative_annotator(
            "model", images_of(number, (0.1, 0.1, 0.1, 0.1)), resamples=50
        )
        assert "not judged" in found.sentence
        assert "at least 15" in found.sentence
        assert math.isnan(found.winning_rate)


def test_two_raters_give_no_verdict() -> None:
    found = alternative_annotator("model", images_of(40, (0.1, 0.1, 0.1)), resamples=50)
    assert "at least 3 are needed" in found.sentence
    assert math.isnan(found.winning_rate)


def test_a_failed_test_is_not_worded_as_equivalence() -> None:
    found = alternative_annotator("model", images_of(40, (0.05, 0.05, 0.05, 0.2)), resamples=100)
    assert found.winning_rate == 0.0
    assert found.sentence.startswith("The alternative-annotator test does not show that model can")
    assert "as they differ from each other" not in found.sentence


def test_ties_count_for_both() -> None:
    mask = np.zeros((4, 50), dtype=np.uint8)
    mask[:, :10] = 1
    images = [ImageRatings(f"{k}", mask, NAMES) for k in range(20)]
    found = alternative_annotator("model", images, resamples=50)
    assert found.advantage == 1.0
    assert all(test.rater_advantage == 1.0 for test in found.tests)
    assert found.winning_rate == 1.0


def test_benjamini_yekutieli_is_scipys() -> None:
    p = np.array([0.001, 0.01, 0.02, 0.2, 0.9])
    expected = stats.false_discovery_control(p, method="by") <= 0.05
    assert _benjamini_yekutieli(p).tolist() == expected.tolist()
