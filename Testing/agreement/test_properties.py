"""What must hold for any ratings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medai.agreement import (
    alternative_annotator,
    area_icc,
    cohen_kappa,
    cohort,
    dawid_skene,
    extent_icc,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    majority,
    pairwise_overlap,
    performance,
    pixel_icc,
    rating_patterns,
    staple,
)
from medai.agreement.ratings import ImageRatings
from Testing.agreement.simulated import simulated_masks

FEW = settings(max_examples=12, deadline=None, derandomize=True)
MANY = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def rated(draw: st.DrawFn) -> np.ndarray:
    """Masks with some structure, so that agreement is neither perfect nor absent."""
    seed = draw(st.integers(0, 10_000))
    raters = draw(st.integers(2, 5))
    return simulated_masks(
        draw(st.integers(60, 400)), raters, draw(st.floats(0.5, 12.0)), 0.4,
        draw(st.floats(-2.0, 1.0)), seed,
    )  # fmt: skip


binary = arrays(np.uint8, st.tuples(st.integers(2, 5), st.integers(2, 30)),
                elements=st.integers(0, 1))  # fmt: skip


def close(a: float, b: float, tolerance: float = 1e-9) -> bool:
    return a == pytest.approx(b, abs=tolerance, nan_ok=True)


@FEW
@given(rated(), st.randoms(use_true_random=False))
def test_the_pixel_icc_ignores_the_order_of_pixels_and_raters(masks, random) -> None:
    order = list(range(masks.shape[1]))
    random.shuffle(order)
    raters = list(range(len(masks)))
    random.shuffle(raters)
    first, second = pixel_icc(masks), pixel_icc(masks[raters][:, order])
    assert close(first.icc, second.icc, 1e-4)
    assert close(first.log_likelihood, second.log_likelihood, 1e-4)


@FEW
@given(rated())
def test_the_pixel_icc_ignores_which_answer_is_called_one(masks) -> None:
    first, second = pixel_icc(masks), pixel_icc(1 - masks)
    assert close(first.icc, second.icc, 1e-4)
    assert close(first.intercept, -second.intercept, 1e-2 * (1 + abs(first.intercept)))


@FEW
@given(rated())
def test_duplicated_pixels_without_a_rater_effect_leave_the_unit_variance(masks) -> None:
    # Every rater in every role: nothing is left that sets one rater apart.
    alike = np.concatenate([np.roll(masks, k, axis=0) for k in range(len(masks))], axis=1)
    once, often = pixel_icc(alike), pixel_icc(np.tile(alike, 3))
    assert once.variance_rater == often.variance_rater == 0.0
    assert close(once.variance_unit, often.variance_unit, 1e-3 * (1 + once.variance_unit))


def test_duplicated_pixels_leave_variances_where_raters_have_many_pixels() -> None:
    masks = simulated_masks(4000, 4, 5.0, 0.5, -1.0, 3)
    once = pixel_icc(masks)
    often = pixel_icc(np.tile(masks, 50))
    assert often.variance_unit == pytest.approx(once.variance_unit, rel=2e-3)
    assert often.variance_rater == pytest.approx(once.variance_rater, rel=2e-2)
    assert often.icc == pytest.approx(once.icc, abs=1e-3)


@FEW
@given(rated())
def test_the_layout_of_the_grid_does_not_matter_to_pixels(masks) -> None:
    usable = masks.shape[1] - masks.shape[1] % 2
    flat, grid = masks[:, :usable], masks[:, :usable].reshape(len(masks), -1, 2)
    assert close(pixel_icc(flat).icc, pixel_icc(grid).icc, 1e-12)
    assert close(pixel_icc(flat).icc, pixel_icc(np.asfortranarray(grid)).icc, 1e-12)
    assert close(pixel_icc(flat).icc, pixel_icc(list(grid.astype(bool))).icc, 1e-12)
    assert close(pixel_icc(flat).icc, pixel_icc(grid.astype(np.float32)).icc, 1e-12)


@MANY
@given(binary)
def test_patterns_count_every_unit_once(masks) -> None:
    patterns = rating_patterns(masks)
    assert patterns.units == masks.shape[1]
    rebuilt = np.repeat(patterns.ratings, patterns.counts, axis=0).T
    assert sorted(map(tuple, rebuilt.T.tolist())) == sorted(map(tuple, masks.T.tolist()))


@MANY
@given(binary, st.data())
def test_patterns_of_some_raters_are_those_of_their_masks(masks, data) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(masks) - 1), min_size=1, unique=True))
    by_selection = rating_patterns(masks).select(chosen)
    directly = rating_patterns(masks[chosen])
    assert by_selection.ratings.tolist() == directly.ratings.tolist()
    assert by_selection.counts.tolist() == directly.counts.tolist()


@MANY
@given(binary)
def test_chance_corrected_measures_ignore_the_order_of_units_and_raters(masks) -> None:
    turned = masks[::-1, ::-1]
    for measure in (krippendorff_alpha, fleiss_kappa, gwet_ac):
        assert close(measure(masks), measure(turned))
        assert close(measure(masks), measure(1 - masks))
    assert close(cohen_kappa(masks[0], masks[1]), cohen_kappa(masks[1], masks[0]))


@MANY
@given(binary)
def test_identical_raters_agree_fully(masks) -> None:
    same = np.repeat(masks[:1], 3, axis=0)
    assume(same.min() != same.max())
    for level in ("nominal", "ordinal", "interval", "ratio"):
        assert krippendorff_alpha(same, level) == 1.0
    assert fleiss_kappa(same) == pytest.approx(1.0)
    assert gwet_ac(same) == pytest.approx(1.0)
    assert pixel_icc(same).icc == 1.0
    assert majority(same).mask.tolist() == same[0].tolist()
    for row in performance(same).raters:
        assert row.accuracy == 1.0


@MANY
@given(binary)
def test_performance_counts_every_unit_and_stays_in_bounds(masks) -> None:
    table = performance(masks)
    for row in (*table.raters, *table.naive):
        assert row.tp + row.tn + row.fp + row.fn == masks.shape[1]
        for value in (row.accuracy, row.iou, row.tpr, row.ppv, row.f1, row.specificity):
            assert np.isnan(value) or 0 <= value <= 1
        assert np.isnan(row.mcc) or -1 - 1e-12 <= row.mcc <= 1 + 1e-12


@MANY
@given(arrays(np.uint8, (2, 7, 8), elements=st.integers(0, 1)))
def test_overlap_is_symmetric_and_bounded(masks) -> None:
    (pair,) = pairwise_overlap(masks, None, (0.5, 2.0))
    (turned,) = pairwise_overlap(masks[::-1], None, (0.5, 2.0))
    assert close(pair.dice, turned.dice)
    assert close(pair.hausdorff_mm, turned.hausdorff_mm)
    assert close(pair.size_difference, -turned.size_difference)
    if not pair.reason:
        assert pair.iou == pytest.approx(pair.dice / (2 - pair.dice))
        assert pair.mean_surface_mm <= pair.hausdorff_mm + 1e-12
        assert pair.hausdorff95_mm <= pair.hausdorff_mm + 1e-12


@FEW
@given(rated())
def test_the_consensus_lies_between_the_raters(masks) -> None:
    for result in (majority(masks), dawid_skene(masks), staple(masks)):
        assert ((result.probability >= 0) & (result.probability <= 1)).all()
        agreed = (masks == masks[0]).all(axis=0)
        if result.method == "majority":
            assert (result.mask[agreed] == masks[0][agreed]).all()


def test_the_area_icc_ignores_mirroring_when_edges_fall_alike() -> None:
    random = np.random.default_rng(0)
    # 10 cells of 4 indices each: with 41 rows the right-closed edges are symmetric but for the
    # first row, which is blank.
    masks = np.zeros((3, 41, 41), dtype=np.uint8)
    masks[:, 1:, 1:] = random.random((3, 40, 40)) < np.linspace(0.05, 0.9, 40)
    roi = np.zeros((41, 41))
    roi[1:, 1:] = 1
    turned = np.zeros_like(masks)
    turned[:, 1:, 1:] = masks[:, :0:-1, :0:-1]
    assert area_icc(masks, roi).icc == pytest.approx(area_icc(turned, roi).icc, abs=1e-4)


def test_the_extent_icc_ignores_the_order_of_images_and_raters() -> None:
    extents = np.random.default_rng(1).random((7, 3))
    first, second = extent_icc(extents, 0), extent_icc(extents[::-1, ::-1], 0)
    assert first.icc == pytest.approx(second.icc, abs=1e-12)
    assert extent_icc(1 - extents, 0).icc == pytest.approx(first.icc, abs=1e-12)


def test_the_cohort_ignores_the_order_of_images() -> None:
    images = [
        ImageRatings(f"{k}", simulated_masks(300, 3, 4.0, 0.3, -0.5, k), ("a", "b", "c"))
        for k in range(4)
    ]
    first = cohort(images, grids=(), bootstrap=0)
    second = cohort(images[::-1], grids=(), bootstrap=0)
    assert first.summary("pixel_icc")["mean"] == pytest.approx(
        second.summary("pixel_icc")["mean"], abs=1e-9
    )


def test_a_copy_of_a_rater_is_as_close_as_the_raters_are_to_each_other_or_closer() -> None:
    images = []
    for k in range(12):
        masks = simulated_masks(300, 3, 6.0, 0.2, -0.5, k)
        images.append(
            ImageRatings(f"{k}", np.concatenate([masks, masks[k % 3][None]]), ("a", "b", "c", "m"))
        )
    found = alternative_annotator("m", images)
    assert found.advantage > 0.5
    assert found.candidate_dice > found.rater_dice


def test_a_rater_who_marks_at_random_is_further_away() -> None:
    random = np.random.default_rng(0)
    images = [
        ImageRatings(
            f"{k}",
            np.concatenate(
                [simulated_masks(300, 3, 20.0, 0.1, -1.0, k), random.random((1, 300)) < 0.5]
            ),
            ("a", "b", "c", "m"),
        )
        for k in range(15)
    ]
    found = alternative_annotator("m", images)
    assert found.advantage_interval.high < 0.5
    assert found.winning_rate == 0.0
    assert "does not show" in found.sentence
