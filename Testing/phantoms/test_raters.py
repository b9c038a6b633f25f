"""Simulated raters have the habits they are given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medai.errors import InputError
from medai.phantoms.raters import SIMULATED_RATERS, SimulatedRater, simulate_rating
from medai.phantoms.skin import skin_photograph

SPACING = (1.0, 0.5)


def disc(radius_mm: float, shape: tuple[int, int] = (96, 192)) -> np.ndarray:
    y, x = (np.arange(n) * step for n, step in zip(shape, SPACING, strict=True))
    return np.hypot(y[:, None] - 48, x - 48) < radius_mm


def radius_mm(mask: np.ndarray) -> float:
    return float(np.sqrt(mask.sum() * SPACING[0] * SPACING[1] / np.pi))


def test_a_rater_without_habits_outlines_the_truth() -> None:
    truth = disc(20)
    assert np.array_equal(simulate_rating(truth, SPACING, SimulatedRater("A")), truth)


@pytest.mark.parametrize("shift", [-4.0, -1.5, 2.0, 5.0])
def test_a_bias_moves_the_boundary_by_its_millimetres(shift: float) -> None:
    rated = simulate_rating(disc(20), SPACING, SimulatedRater("A", shift_mm=shift))
    assert radius_mm(rated) == pytest.approx(20 + shift, abs=0.35)


def test_roughness_has_its_standard_deviation_and_no_bias() -> None:
    rater = SimulatedRater("A", roughness_mm=2.0, smoothness_mm=3.0)
    distance = ndimage.distance_transform_edt(disc(20), SPACING) - ndimage.distance_transform_edt(
        ~disc(20), SPACING
    )
    reached = []
    for seed in range(40):
        rated = simulate_rating(disc(20), SPACING, rater, seed=seed).astype(bool)
        edge = rated & ~ndimage.binary_erosion(rated)
        reached.append(distance[edge])
    spread = np.concatenate(reached)
    assert spread.mean() == pytest.approx(0.5, abs=0.6)
    assert spread.std() == pytest.approx(2.0, abs=0.5)


def test_lesions_are_missed_at_the_given_rate_and_whole() -> None:
    truth = np.zeros((64, 640), bool)
    for k in range(40):
        truth[20:28, 16 * k : 16 * k + 8] = True
    rater = SimulatedRater("A", miss_rate=0.3)
    kept = [simulate_rating(truth, SPACING, rater, seed=seed) for seed in range(20)]
    shares = [ndimage.label(mask)[1] / 40 for mask in kept]
    assert np.mean(shares) == pytest.approx(0.7, abs=0.05)
    assert all(mask.sum() % 64 == 0 for mask in kept)


def test_false_lesions_come_as_often_as_given_and_inside_the_region() -> None:
    truth = np.zeros((96, 192), bool)
    roi = np.zeros_like(truth)
    roi[:, :60] = True
    rater = SimulatedRater("A", false_lesions=0.5)
    rated = [simulate_rating(truth, SPACING, rater, roi=roi, seed=seed) for seed in range(200)]
    assert np.mean([mask.any() for mask in rated]) == pytest.approx(1 - np.exp(-0.5), abs=0.1)
    assert not any(mask[~roi].any() for mask in rated)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(SIMULATED_RATERS))
def test_nothing_is_marked_outside_the_region(seed: int, rater: SimulatedRater) -> None:
    phantom = skin_photograph((48, 64), seed=seed)
    rated = simulate_rating(
        phantom.lesions, phantom.volume.spacing_mm, rater, roi=phantom.skin, seed=seed
    )
    assert rated.shape == phantom.lesions.shape
    assert set(np.unique(rated)) <= {0, 1}
    assert not rated[phantom.skin == 0].any()


def test_the_same_seed_gives_the_same_outline_and_another_another() -> None:
    first, same, other = (
        simulate_rating(disc(20), SPACING, SIMULATED_RATERS[3], seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_volumes_are_outlined_too() -> None:
    z, y, x = np.ogrid[-12:13, -20:21, -20:21]
    ball = np.sqrt((2.0 * z) ** 2 + y**2 + x**2) < 14
    rated = simulate_rating(ball, (2.0, 1.0, 1.0), SimulatedRater("A", shift_mm=3.0))
    assert np.cbrt(rated.sum() * 2.0 * 3 / (4 * np.pi)) == pytest.approx(17.0, abs=0.4)


def test_a_region_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fit each other"):
        simulate_rating(disc(20), SPACING, SIMULATED_RATERS[0], roi=np.ones((3, 3)))


def test_a_photograph_holds_lesions_that_are_redder_than_the_skin() -> None:
    for seed in range(5):
        phantom = skin_photograph(seed=seed)
        red = phantom.volume.array[..., 0] / phantom.volume.array[..., 1].clip(1)
        lesions, skin = phantom.lesions == 1, (phantom.skin == 1) & (phantom.lesions == 0)
        assert not (lesions & (phantom.skin == 0)).any()
        assert red[lesions].mean() > 1.03 * red[skin].mean()
        assert phantom.volume.is_color


def test_a_photograph_is_the_same_for_the_same_seed() -> None:
    assert np.array_equal(
        skin_photograph(seed=3).volume.array, skin_photograph(seed=3).volume.array
    )
    with pytest.raises(InputError, match="at least 32"):
        skin_photograph((8, 8))
