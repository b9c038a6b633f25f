"""The whole analysis: tables, exclusions, summaries, and what explains agreement."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from medai.agreement import (
    CohortResult,
    ImageRatings,
    area_icc,
    cohort,
    extent_icc,
    krippendorff_alpha,
    linear_model,
    mean_reliability,
    pearson,
    performance,
    pixel_icc,
    raters_needed,
)
from medai.agreement.extent_icc import adjusted_extent
from medai.agreement.quality import quality_agreement
from medai.errors import RatingError
from Testing.agreement.gold_cases import masks_and_skin, reference

FOUR = ("a_good4", "b_moderate4", "c_poor4", "f_sparse4", "g_wide4", "h_outlier4")
NAMES = ("ann", "bob", "cat", "dan")
LIDC = (
    Path(__file__).resolve().parents[2].parent
    / "shared/data/lidc_four_readers/lidc_four_readers.npz"
)


@pytest.fixture(scope="module")
def result() -> CohortResult:
    images = []
    for place, case in enumerate(FOUR):
        masks, skin = masks_and_skin(case)
        images.append(ImageRatings(case, masks, NAMES, skin, covariates={"severity": float(place)}))
    skin = masks_and_skin("a_good4")[1]
    full = np.ones((4, *skin.shape), dtype=np.uint8)
    full[3] = 0
    images.append(ImageRatings("nearly all marked", full, NAMES, skin))
    images.append(ImageRatings("one rater", masks_and_skin("a_good4")[0][:1], ("ann",), skin))
    return cohort(images, grids=(10,), surfaces=True, bootstrap=200)


def test_every_number_is_that_of_the_single_functions(result: CohortResult) -> None:
    for case in FOUR:
        masks, skin = masks_and_skin(case)
        # In a batch the search ends within its own tolerance of where it ends alone.
        assert result.value(case, "pixel_icc") == pytest.approx(
            pixel_icc(masks, skin).icc, abs=1e-4
        )
        assert result.value(case, "area_icc_10") == pytest.approx(
            area_icc(masks, skin, 10).icc, abs=1e-5
        )
        alpha = krippendorff_alpha(masks[:, skin > 0])
        assert result.value(case, "krippendorff_alpha") == pytest.approx(alpha, abs=1e-12)
        assert result.value(case, "f1") == pytest.approx(performance(masks, skin).mean["f1"])
        assert result.value(case, "mean_surface_pixels") > 0


def test_leaving_a_rater_out_gives_the_icc_of_the_others(result: CohortResult) -> None:
    masks, skin = masks_and_skin("c_poor4")
    (row,) = (
        row
        for row in result.rater_rows
        if (row["image"], row["rater"], row["measure"]) == ("c_poor4", "cat", "pixel_icc_without")
    )
    assert row["value"] == pytest.approx(pixel_icc(np.delete(masks, 2, 0), skin).icc, abs=1e-5)
    (table,) = (row for row in result.leave_one_out_rows if row["rater"] == "cat")
    assert table["difference"] == pytest.approx(table["mean_without"] - table["mean_with"])
    assert table["low"] < table["difference"] < table["high"]


def test_images_that_cant_tell_are_listed_with_their_reason(result: CohortResult) -> None:
    reasons = {row["image"]: row["reason"] for row in result.exclusions}
    assert reasons == {
        "nearly all marked": "3 of 4 raters marked more than 95 % of the region",
        "one rater": "1 rater",
    }
    assert result.summary("pixel_icc")["images"] == 6
    assert result.summary("accuracy")["images"] == 7


def test_the_summary_is_mean_and_standard_error_over_images(result: CohortResult) -> None:
    values = np.array([result.value(case, "pixel_icc") for case in FOUR])
    row = result.summary("pixel_icc")
    assert row["mean"] == pytest.approx(values.mean())
    assert row["se"] == pytest.approx(stats.sem(values))
    assert (row["low"], row["high"]) == pytest.approx(
        stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    )
    assert row["poor_share"] == pytest.approx(1 / 6)
    assert row["excellent_share"] == pytest.approx(1 / 6)
    every = [row["value"] for row in result.image_rows if row["measure"] == "pixel_icc"]
    with_it = np.mean([value for value in every if np.isfinite(value)])
    assert len(every) == 7
    assert (
        "6 images; 17 % of images below 0.5. 2 of 8 images left out (1 marked almost wholly, 1"
        in (result.sentence)
    )
    assert f"of fewer than two raters): with 1 of them the mean ICC is {with_it:.2f}." in (
        result.sentence
    )


def test_the_extent_icc_of_the_cohort_is_rptrs(result: CohortResult) -> None:
    assert result.extent is not None
    expected = reference("extent")["rptGaussian_logit"]["ICC"]
    assert result.extent.icc == pytest.approx(expected, abs=1e-4)


def test_confounders_are_the_linear_model_of_each_measure(result: CohortResult) -> None:
    values = [result.value(case, "pixel_icc") for case in FOUR]
    line = stats.linregress(np.arange(6.0), values)
    (row,) = (
        row
        for row in result.confounder_rows
        if (row["measure"], row["term"]) == ("pixel_icc", "severity")
    )
    assert row["coefficient"] == pytest.approx(line.slope)
    assert row["p"] == pytest.approx(line.pvalue)
    assert row["standard_error"] == pytest.approx(line.stderr)


def test_correlations_are_scipys(result: CohortResult) -> None:
    first = [result.value(case, "pixel_icc") for case in FOUR]
    second = [result.value(case, "krippendorff_alpha") for case in FOUR]
    expected = stats.pearsonr(first, second)
    (row,) = (
        row
        for row in result.correlation_rows
        if (row["first"], row["second"]) == ("pixel_icc", "krippendorff_alpha")
    )
    assert row["r"] == pytest.approx(expected.statistic)
    assert (row["low"], row["high"]) == pytest.approx(expected.confidence_interval(0.95))


def test_tables_are_long_with_the_same_columns_in_each_row(result: CohortResult) -> None:
    for rows, columns in (
        (result.image_rows, ["image", "measure", "value", "note"]),
        (result.rater_rows, ["image", "rater", "measure", "value"]),
    ):
        assert rows
        assert all(list(row) == columns for row in rows)
        assert all(type(row["value"]) is float or row["measure"] for row in rows)


def test_a_candidate_is_compared_and_stays_out_of_the_agreement() -> None:
    images = []
    for case in ("a_good4", "b_moderate4", "f_sparse4"):
        masks, skin = masks_and_skin(case)
        images.append(
            ImageRatings(case, np.concatenate([masks[:1], masks]), ("model", *NAMES), skin)
        )
    found = cohort(images, grids=(), leave_one_out=False, candidates=("model",), bootstrap=0)
    masks, skin = masks_and_skin("a_good4")
    assert found.raters == NAMES
    assert found.value("a_good4", "pixel_icc") == pytest.approx(
        pixel_icc(masks, skin).icc, abs=1e-4
    )
    (candidate,) = found.candidates
    assert candidate.images == 3
    assert candidate.advantage > 0.5
    scored = {row["rater"] for row in found.rater_rows if row["measure"] == "accuracy"}
    assert scored == {"model", *NAMES}


def test_raters_may_differ_from_image_to_image() -> None:
    (masks, skin), (others, _) = masks_and_skin("a_good4"), masks_and_skin("b_moderate4")
    found = cohort(
        [
            ImageRatings("one", masks, NAMES, skin),
            ImageRatings("two", others[:2], ("bob", "eve"), skin),
            ImageRatings("three", others[1:], ("ann", "bob", "eve"), skin),
        ],
        grids=(),
        bootstrap=50,
    )
    assert found.raters == ("ann", "bob", "cat", "dan", "eve")
    assert found.extent is not None
    assert 0 <= found.extent.icc <= 1
    assert {row["rater"] for row in found.leave_one_out_rows} == set(found.raters)


def test_progress_runs_up_to_the_end() -> None:
    masks, skin = masks_and_skin("a_good4")
    seen: list[float] = []
    images = [ImageRatings(f"{k}", masks, NAMES, skin) for k in range(3)]
    cohort(images, grids=(10,), bootstrap=0, total=3,
           progress=lambda report: seen.append(report.fraction))  # fmt: skip
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1


def test_a_category_is_compared_with_the_first_in_the_alphabet() -> None:
    model = linear_model([1.0, 3.0, 1.2, 2.8, 5.0, 5.2], {"site": ["a", "b", "a", "b", "c", "c"]})
    values = {term.term: term.coefficient for term in model.coefficients}
    assert values == pytest.approx({"(intercept)": 1.1, "site: b": 1.8, "site: c": 4.0})


def test_terms_that_others_determine_are_left_out_and_named() -> None:
    model = linear_model([1.0, 2.0, 3.5, 4.0], {"x": [0, 1, 2, 3], "twice": [0, 2, 4, 6]})
    assert model.left_out == ("twice",)
    with pytest.raises(RatingError, match="more rows"):
        linear_model([1.0, 2.0], {"x": [0, 1]})


def test_a_correlation_of_perfect_or_constant_values_is_answered() -> None:
    assert pearson([1, 2, 3, 4], [2, 4, 6, 8]).r == 1.0
    assert math.isnan(pearson([1, 1, 1], [1, 2, 3]).r)
    assert pearson([1, 2, math.nan], [1, 3, 3]).pairs == 2


def test_nine_raters_of_icc_half_reach_nine_tenths() -> None:
    assert raters_needed(0.5, 0.9) == 9
    assert mean_reliability(0.5, 9) == pytest.approx(0.9)
    masks, skin = masks_and_skin("b_moderate4")
    estimate = pixel_icc(masks, skin)
    assert mean_reliability(estimate, 4) == pytest.approx(
        estimate.variance_unit / (estimate.variance_unit + estimate.variance_error / 4)
    )
    with pytest.raises(RatingError, match="between 0 and 1"):
        raters_needed(0.5, 1.0)


def test_agreement_on_quality_is_ordinal() -> None:
    scores = np.array([[-1, 0, 1, 0, -1, 1], [-1, 0, 1, 1, 0, 1], [0, 0, 1, 1, -1, math.nan]])
    found = quality_agreement(scores, resamples=200)
    assert found.alpha == pytest.approx(krippendorff_alpha(scores, "ordinal"))
    assert found.low <= found.alpha <= found.high
    with pytest.raises(RatingError, match="quality"):
        quality_agreement([[2, 0], [1, 1]])


@pytest.fixture(scope="module")
def nodules() -> list[ImageRatings]:
    """The 400 crops of LIDC-IDRI, each with the outlines of four radiologists."""
    if not LIDC.is_file():
        pytest.skip("the LIDC crops are not beside the repository (../shared/data)")
    with np.load(LIDC) as stored:
        masks = np.unpackbits(stored["masks"], axis=-1)
    return [ImageRatings(f"{k}", crop, ("1", "2", "3", "4")) for k, crop in enumerate(masks)]


def test_eighty_real_nodules_go_through_in_one_call(nodules: list[ImageRatings]) -> None:
    # Every fifth; the means over all 400 are 0.71 and 0.81.
    found = cohort(nodules[::5], grids=(), leave_one_out=False, exclude_below=0.0, bootstrap=100)
    row = found.summary("pixel_icc")
    assert row["images"] == 80
    assert row["mean"] == pytest.approx(0.716, abs=0.002)
    assert found.summary("pixel_icc_laplace")["mean"] == pytest.approx(0.820, abs=0.002)


def test_alpha_and_extent_of_four_hundred_real_nodules(nodules: list[ImageRatings]) -> None:
    masks = [nodule.masks.reshape(4, -1) for nodule in nodules]
    alphas = [krippendorff_alpha(mask) for mask in masks]
    assert np.mean(alphas) == pytest.approx(0.797, abs=0.002)
    extents = np.array([adjusted_extent(mask.sum(axis=1), mask.shape[1]) for mask in masks])
    assert extent_icc(extents, bootstrap=0).icc == pytest.approx(0.907, abs=0.002)
