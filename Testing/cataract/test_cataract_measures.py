"""Cataract fraction, density, depth and repeatability against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from medai.errors import InputError
from medai.measures.cataract import eye_sentence, measure_eye, measure_scan, repeatability
from medai.measures.lens_depth import depth_profile, lens_depth
from medai.phantoms.lens_oct import lens_patient

SHAPE = (40, 50)


def _masks(opaque_rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A lens of 30 rows × 20 columns with some of its rows opaque."""
    lens = np.zeros(SHAPE, bool)
    lens[5:35, 10:30] = True
    cataract = np.zeros(SHAPE, bool)
    cataract[opaque_rows, 10:30] = True
    pixels = np.where(cataract, 200, 50).astype(np.uint8)
    return pixels, lens, cataract & lens


def test_fraction_area_and_density_of_a_known_lens() -> None:
    pixels, lens, cataract = _masks(slice(5, 14))
    measure = measure_scan("a", pixels, lens, cataract, spacing_mm=(0.01, 0.02))
    assert measure.cataract_fraction == pytest.approx(180 / 600)
    assert (measure.lens_area_px, measure.cataract_area_px) == (600, 180)
    assert measure.lens_area_mm2 == pytest.approx(0.12)
    assert measure.average_lens_density == pytest.approx(0.3 * 200 + 0.7 * 50)
    assert measure.depth_fraction == pytest.approx((0.9, 0.0, 0.0))
    assert measure.depth_density == pytest.approx((0.9 * 200 + 0.1 * 50, 50, 50))


def test_cataract_outside_the_lens_does_not_count() -> None:
    pixels, lens, cataract = _masks(slice(15, 25))
    stray = cataract | np.roll(lens, 15, axis=1)
    inside = measure_scan("a", pixels, lens, stray).cataract_area_px
    assert inside == (lens & stray).sum()


def test_a_lens_under_the_least_area_gives_no_number_but_a_reason() -> None:
    lens = np.zeros(SHAPE, bool)
    lens[:1, :19] = True
    measure = measure_scan("a", np.full(SHAPE, 9, np.uint8), lens, lens)
    assert math.isnan(measure.cataract_fraction)
    assert measure.reason == "only 19 lens pixels were found, at least 20 are needed"
    lens[1, 0] = True
    assert measure_scan("a", np.full(SHAPE, 9, np.uint8), lens, lens).cataract_fraction == 1


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="differ in shape"):
        measure_scan("a", np.zeros((4, 4)), np.zeros((4, 5), bool), np.zeros((4, 4), bool))


def test_eye_is_the_mean_over_scans_with_their_spread() -> None:
    scans = [measure_scan(str(n), *_masks(slice(15, 15 + n))) for n in (3, 6, 9)]
    scans.append(measure_scan("none", *(np.zeros(SHAPE, t) for t in (np.uint8, bool, bool))))
    eye = measure_eye("Right eye", scans, threshold=0.14)
    assert eye.cataract_fraction == pytest.approx(0.2)
    assert (eye.low, eye.high) == pytest.approx((0.1, 0.3))
    assert eye.std == pytest.approx(0.1)
    assert (eye.scans, eye.scans_used, eye.mostly) == (4, 3, "nuclear")
    assert eye.wording == "0.14 or more: consistent with cataract, not a diagnosis"
    assert eye_sentence(eye) == (
        "Right eye: cataract fraction 0.20 (0.10–0.30 over three scans), mostly nuclear; one scan "
        "left out."
    )


@pytest.mark.parametrize(
    ("rows", "word"),
    [(slice(5, 14), "anterior cortical"), (slice(16, 24), "nuclear"), (slice(26, 35), "posterior")],
)
def test_where_most_of_the_cataract_lies_is_named(rows: slice, word: str) -> None:
    assert measure_eye("eye", [measure_scan("a", *_masks(rows))], 0.1).mostly == word


def test_a_fraction_below_the_threshold_is_consistent_with_a_clear_lens() -> None:
    eye = measure_eye("Left eye", [measure_scan("a", *_masks(slice(15, 18)))], threshold=0.11)
    assert eye.cataract_fraction == pytest.approx(0.1)
    assert (eye.mostly, math.isnan(eye.std)) == ("", True)
    assert eye.wording == "below 0.11: consistent with a clear lens, not a diagnosis"
    assert eye_sentence(eye) == "Left eye: cataract fraction 0.10 (one scan)."


def test_an_eye_without_a_lens_says_so() -> None:
    empty = measure_scan("a", *(np.zeros(SHAPE, t) for t in (np.uint8, bool, bool)))
    eye = measure_eye("Left eye", [empty, empty])
    assert math.isnan(eye.cataract_fraction)
    assert eye_sentence(eye) == "Left eye: no cataract fraction, no lens was found in two scans."


def test_fraction_with_truth_masks_of_phantoms_is_the_true_fraction() -> None:
    for phantom in lens_patient(7, cataract=True, shape=(228, 269), scans=3):
        for pixels, lens, cataract, fraction in zip(
            phantom.volume.array, phantom.lens, phantom.cataract, phantom.fractions, strict=True
        ):
            assert measure_scan("a", pixels, lens, cataract).cataract_fraction == fraction


def test_depth_runs_from_one_capsule_to_the_other_in_each_column() -> None:
    lens = np.zeros((10, 3), bool)
    lens[2:6, 0] = True
    lens[1:9, 1] = True
    depth = lens_depth(lens)
    assert depth[2:6, 0] == pytest.approx([0.125, 0.375, 0.625, 0.875])
    assert depth[1, 1] == pytest.approx(1 / 16)
    assert np.isnan(depth[:, 2]).all()
    lens[4, 1] = False
    assert lens_depth(lens)[8, 1] == pytest.approx(15 / 16)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    lens=hnp.arrays(bool, (24, 9)),
    cataract=hnp.arrays(bool, (24, 9)),
    pixels=hnp.arrays(np.uint8, (24, 9)),
)
def test_depth_profile_splits_the_lens_without_loss(
    lens: np.ndarray, cataract: np.ndarray, pixels: np.ndarray
) -> None:
    profile = depth_profile(pixels, lens, cataract & lens)
    assert profile.lens_px.sum() == lens.sum()
    assert profile.cataract_px.sum() == (cataract & lens).sum()
    assert np.nansum(profile.density * profile.lens_px) == pytest.approx(pixels[lens].sum())
    assert sum(part[0] for part in profile.thirds) == lens.sum()


def test_repeatability_of_a_worked_example() -> None:
    # Within-eye variances 0.02, 0.02, 0.08 (of 1,3 | 5,7 | 9,13 tenths): mean 0.04.
    found = repeatability(np.array([[0.1, 0.3], [0.5, 0.7], [0.9, 1.3]]))
    assert found.within_std == pytest.approx(0.2)
    assert found.coefficient == pytest.approx(1.96 * math.sqrt(2) * 0.2)
    # Means 0.2, 0.6, 1.1: variance 0.61/3, between mean square twice that.
    between = 2 * 0.61 / 3
    assert found.icc == pytest.approx((between - 0.04) / (between + 0.04))


def test_perfect_repeats_have_icc_one_and_coefficient_zero() -> None:
    found = repeatability(np.array([[0.1, 0.1, 0.1], [0.4, 0.4, 0.4]]))
    assert (found.icc, found.coefficient) == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.zeros((3, 1)), np.array([[0.1, np.nan]] * 2)])
def test_too_few_or_missing_repeats_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least two eyes by two repeats"):
        repeatability(bad)
