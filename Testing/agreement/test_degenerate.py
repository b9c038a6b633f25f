"""Input at the edge: each has its documented value, or one plain line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medai.agreement import (
    adjusted_extent,
    area_icc,
    bootstrap_interval,
    classical_icc,
    cohen_kappa,
    cohort,
    dawid_skene,
    dice,
    disagreement,
    extent_icc,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    local_extent,
    majority,
    pairwise_overlap,
    performance,
    pixel_icc,
    rating_patterns,
    staple,
)
from medai.agreement.ratings import ImageRatings
from medai.errors import CancelledError, RatingError
from Testing.agreement.simulated import simulated_masks

GOOD = simulated_masks(100, 4, 4.0, 0.3, -0.5, 0).reshape(4, 10, 10)
MASK_FUNCTIONS = (pixel_icc, area_icc, performance, staple, dawid_skene, rating_patterns,
                  pairwise_overlap)  # fmt: skip


def refused(call, *arguments, **options) -> str:
    with pytest.raises(RatingError) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("function", MASK_FUNCTIONS)
def test_shapes_that_differ_are_named(function) -> None:
    message = refused(function, [np.zeros((4, 4)), np.zeros((4, 5))])
    assert "(4, 5)" in message
    assert "(4, 4)" in message


@pytest.mark.parametrize("function", MASK_FUNCTIONS)
@pytest.mark.parametrize("wrong", [2, 255, -1, 0.5, np.nan, np.inf])
def test_values_other_than_zero_and_one_are_named(function, wrong) -> None:
    masks = GOOD.astype(np.float64)
    masks[2, 3, 3] = wrong
    message = refused(function, masks)
    assert "rater 3" in message
    assert f"{wrong}" in message


@pytest.mark.parametrize("raters", [17, 30, 63, 64, 90])
@pytest.mark.parametrize("seen", [None, True])
def test_any_number_of_raters_is_counted_as_row_by_row(raters, seen) -> None:
    random = np.random.default_rng(raters)
    # Raters follow the unit, so that rows come more than once.
    unit = random.random(40) < 0.5
    masks = (unit ^ (random.random((raters, 40)) < 0.002)).reshape(raters, 5, 8).astype(np.uint8)
    roi = random.random((5, 8)) < 0.7
    visible = None if seen is None else random.random((raters, 5, 8)) < 0.97
    patterns = rating_patterns(masks, roi, visible)
    table = masks.astype(np.int8)
    if visible is not None:
        table[~visible] = -1
    rows, counts = np.unique(table[:, roi].T, axis=0, return_counts=True)
    assert np.array_equal(patterns.ratings, rows)
    assert np.array_equal(patterns.counts, counts)


def test_thirty_raters_are_analysed() -> None:
    random = np.random.default_rng(0)
    unit = random.random((16, 16)) < 0.4
    names = tuple(f"rater {k:02d}" for k in range(30))
    images = [
        ImageRatings(f"case {k}", unit ^ (random.random((30, 16, 16)) < 0.05), names)
        for k in range(3)
    ]
    result = cohort(images, grids=(4,), bootstrap=0, leave_one_out=False)
    assert len(result.raters) == 30
    assert result.summary("pixel_icc")["images"] == 3


@pytest.mark.parametrize("function", MASK_FUNCTIONS)
def test_an_empty_region_of_interest_is_refused(function) -> None:
    assert "region of interest" in refused(function, GOOD, np.zeros((10, 10)))


@pytest.mark.parametrize("function", MASK_FUNCTIONS)
def test_a_region_of_another_shape_is_refused(function) -> None:
    assert "(9, 10)" in refused(function, GOOD, np.ones((9, 10)))


@pytest.mark.parametrize(
    "function", [pixel_icc, area_icc, performance, staple, dawid_skene, pairwise_overlap]
)
def test_one_rater_is_refused(function) -> None:
    assert "1 rater" in refused(function, GOOD[:1])


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 4, 4)), np.zeros((2, 0, 4))])
def test_no_masks_at_all_are_refused(nothing) -> None:
    refused(pixel_icc, nothing)
    refused(rating_patterns, nothing)


def test_a_single_answer_throughout_has_no_icc_and_says_why() -> None:
    for value in (0, 1):
        masks = np.full((3, 6, 6), value)
        for estimate in (pixel_icc(masks), area_icc(masks, None, 3)):
            assert math.isnan(estimate.icc)
            assert "same" in estimate.reason
        assert math.isnan(krippendorff_alpha(masks))
        assert math.isnan(fleiss_kappa(masks.reshape(3, -1)))
        assert math.isnan(gwet_ac(masks.reshape(3, -1)))
        assert majority(masks).mask.tolist() == masks[0].tolist()
        assert dawid_skene(masks).mask.tolist() == masks[0].tolist()
        assert staple(masks).mask.tolist() == masks[0].tolist()


@pytest.mark.parametrize("value", [0, 1])
def test_a_rater_of_one_answer_beside_others_is_fitted(value) -> None:
    masks = GOOD.copy()
    masks[0] = value
    estimate = pixel_icc(masks)
    assert 0 <= estimate.icc <= 1
    assert math.isfinite(estimate.log_likelihood)
    assert 0 <= area_icc(masks, None, 3).icc <= 1
    assert 0 <= pixel_icc(masks, method="exact").icc <= 1


def test_identical_raters_have_icc_one_and_infinite_unit_variance() -> None:
    estimate = pixel_icc(np.repeat(GOOD[:1], 3, axis=0))
    assert (estimate.icc, estimate.variance_unit, estimate.variance_rater) == (1.0, math.inf, 0.0)
    marked = GOOD[0].sum()
    expected = marked * math.log(marked / 100) + (100 - marked) * math.log(1 - marked / 100)
    assert estimate.log_likelihood == pytest.approx(expected)


def test_perfectly_separated_raters_have_icc_zero() -> None:
    masks = np.stack([np.ones((5, 5)), np.zeros((5, 5))])
    for method in ("laplace", "exact"):
        # The variance between raters runs to the end of the search.
        estimate = pixel_icc(masks, method=method)
        assert estimate.icc < 0.001 < 100 < estimate.variance_rater
    assert krippendorff_alpha(masks.reshape(2, -1)) < 0
    assert cohen_kappa(masks[0], masks[1]) == 0.0


def test_a_two_by_two_image_is_fitted() -> None:
    masks = np.array([[[1, 0], [0, 0]], [[1, 1], [0, 0]], [[1, 0], [1, 0]]])
    assert 0 <= pixel_icc(masks).icc <= 1
    assert 0 <= area_icc(masks, None, 2).icc <= 1


def test_one_pixel_and_one_cell_are_answered() -> None:
    assert 0 <= pixel_icc([[1], [0]]).icc <= 1
    assert "single cell" in area_icc([[[1]], [[0]]]).reason


def test_unknown_words_are_refused_with_what_was_expected() -> None:
    assert "'exact'" in refused(pixel_icc, GOOD, method="quadrature")
    assert "'laplace'" in refused(area_icc, GOOD, None, 3, method="quadrature")
    assert "liability" in refused(pixel_icc, GOOD, link_variance="logit")
    assert "ordinal" in refused(krippendorff_alpha, [[1, 2], [1, 2]], "rank")
    assert "linear" in refused(cohen_kappa, [1, 2], [1, 2], "cubic")
    assert "2 or more" in refused(area_icc, GOOD, None, 1)


def test_ratings_that_no_two_raters_share_have_no_alpha() -> None:
    ratings = [[1.0, np.nan], [np.nan, 2.0]]
    assert math.isnan(krippendorff_alpha(ratings))
    assert "two ratings" in refused(fleiss_kappa, ratings)
    refused(krippendorff_alpha, [[1.0, 2.0]])
    refused(krippendorff_alpha, [["a"], ["b"]])
    refused(krippendorff_alpha, [[np.inf, 1.0], [1.0, 1.0]])


def test_empty_masks_have_no_distance_and_say_why() -> None:
    masks = np.zeros((3, 4, 4))
    masks[0, 1, 1] = 1
    with_one, with_other, without = pairwise_overlap(masks)
    assert with_one.dice == 0.0
    assert math.isnan(with_one.hausdorff_mm)
    assert "one mask" in with_one.reason
    assert math.isnan(without.dice)
    assert "both" in without.reason
    assert with_other.relative_difference == -2.0
    assert math.isnan(dice(masks[1], masks[2]))


def test_impossible_spacings_are_refused() -> None:
    for spacing in ((1.0,), (0.0, 1.0), (1.0, np.nan)):
        assert "expected 2 positive" in refused(pairwise_overlap, GOOD, None, spacing)
    assert "more than 0" in refused(local_extent, GOOD[0], sigma_mm=0.0)


def test_extents_out_of_range_or_too_few_are_refused() -> None:
    assert "0 to 1" in refused(extent_icc, [[0.1, 1.2], [0.3, 0.4]])
    assert "at least 2" in refused(extent_icc, [[0.1, 0.2]])
    assert "2 raters" in refused(extent_icc, [[0.1, np.nan], [np.nan, 0.2]])


def test_extents_of_exactly_zero_and_one_are_moved_inward() -> None:
    found = extent_icc([[0.0, 0.1], [0.5, 0.6], [1.0, 0.9]], bootstrap=0)
    assert 0 < found.icc < 1
    moved = extent_icc([[0.05, 0.1], [0.5, 0.6], [0.95, 0.9]], bootstrap=0)
    assert found.icc == pytest.approx(moved.icc)
    assert adjusted_extent(5, 10) == 0.5


def test_equal_extents_have_no_icc() -> None:
    found = extent_icc(np.full((3, 2), 0.4))
    assert math.isnan(found.icc)
    assert "same" in found.reason


def test_the_classical_table_refuses_gaps_and_single_raters() -> None:
    assert "gaps" in refused(classical_icc, [[1.0, np.nan], [2.0, 3.0]])
    assert "at least 2" in refused(classical_icc, [[1.0], [2.0]])


def test_intervals_of_an_undefined_icc_are_nan() -> None:
    interval = bootstrap_interval(np.zeros((2, 4, 4)), resamples=5)
    assert math.isnan(interval.low)
    assert interval.resamples == 0


def test_disagreement_is_nan_outside_the_region() -> None:
    roi = np.ones((10, 10))
    roi[0] = 0
    found = disagreement(GOOD, roi)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:]).all()


def test_a_rater_who_saw_nothing_of_a_region_is_missing_there() -> None:
    seen = np.ones((4, 10, 10), dtype=bool)
    seen[3, :5] = False
    patterns = rating_patterns(GOOD, seen=seen)
    assert patterns.units == 100
    assert (patterns.counts[(patterns.ratings[:, 3] == -1)]).sum() == 50
    assert 0 <= pixel_icc(patterns).icc <= 1
    absent = rating_patterns(GOOD, seen=[True, True, True, False])
    assert pixel_icc(absent).icc == pytest.approx(pixel_icc(GOOD[:3]).icc, abs=1e-4)
    assert "seen" in refused(rating_patterns, GOOD, seen=np.ones((3, 10, 10)))


def test_a_cohort_without_two_raters_is_refused_and_cancelling_ends_it() -> None:
    alone = ImageRatings("a", GOOD[:1], ("x",))
    assert "two raters" in refused(cohort, [alone])
    assert "twice" in refused(ImageRatings, "a", GOOD[:2], ("x", "x"))
    assert "2 masks" in refused(ImageRatings, "a", GOOD[:2], ("x",))
    pair = ImageRatings("a", GOOD, ("w", "x", "y", "z"))
    assert "same name" in refused(cohort, [pair, pair])
    with pytest.raises(CancelledError):
        cohort([pair], cancelled=lambda: True)


def test_a_cohort_names_the_image_whose_masks_are_wrong() -> None:
    wrong = ImageRatings("case 7", GOOD * 3, ("w", "x", "y", "z"))
    assert refused(cohort, [wrong]).startswith("case 7: ")
