"""Pixel, area and extent ICC against rptR and lme4.

lme4 stops early on some cases, at a lower likelihood. So an estimate is right when its Laplace
log-likelihood is at most 0.01 below lme4's, and, where the two are within 0.01, its ICC within
0.002 of R_link.
"""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import IccEstimate, area_icc, classical_icc, extent_icc, pixel_icc
from Testing.agreement.gold_cases import CASES, GRIDS, masks_and_skin, reference

LEAVE_ONE_OUT = [(case, name) for case in CASES for name in reference(case)["pixel_leave_one_out"]]


def assert_right(estimate: IccEstimate, expected: dict[str, float]) -> None:
    gain = estimate.log_likelihood - expected["logLik"]
    assert gain >= -0.01
    if gain <= 0.01:
        assert estimate.icc == pytest.approx(expected["R_link"], abs=0.002)


@pytest.mark.parametrize("case", CASES)
def test_the_pixel_icc_is_at_least_as_likely_as_lme4s(case: str) -> None:
    masks, skin = masks_and_skin(case)
    assert_right(pixel_icc(masks, skin, method="laplace"), reference(case)["pixel"])


@pytest.mark.parametrize(("case", "left_out"), LEAVE_ONE_OUT)
def test_the_pixel_icc_without_a_rater_is_at_least_as_likely_as_lme4s(
    case: str, left_out: str
) -> None:
    masks, skin = masks_and_skin(case)
    rater = int(left_out.removeprefix("rater_")) - 1
    assert_right(
        pixel_icc(np.delete(masks, rater, axis=0), skin, method="laplace"),
        reference(case)["pixel_leave_one_out"][left_out],
    )


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("case", CASES)
def test_the_area_icc_is_at_least_as_likely_as_lme4s(case: str, grid: int) -> None:
    masks, skin = masks_and_skin(case)
    assert_right(area_icc(masks, skin, grid, method="laplace"), reference(case)[f"area_{grid}"])


def test_variances_and_intercept_are_lme4s_where_it_converged() -> None:
    masks, skin = masks_and_skin("c_poor4")
    estimate, expected = pixel_icc(masks, skin, method="laplace"), reference("c_poor4")["pixel"]
    assert estimate.variance_unit == pytest.approx(expected["var_id"], rel=1e-3)
    assert estimate.variance_rater == pytest.approx(expected["var_rater"], rel=1e-3)
    assert estimate.intercept == pytest.approx(expected["beta0"], rel=1e-3)
    p = masks[:, skin > 0].mean()
    assert estimate.variance_link == pytest.approx(1 / (p * (1 - p)), rel=1e-12)
    assert pixel_icc(masks, skin, link_variance="liability").variance_link == np.pi**2 / 3


def gold_extents() -> np.ndarray:
    rows = reference("extent")["extents"]
    return np.array([row["Extent"] for row in rows]).reshape(6, 4)


def test_the_extent_icc_is_rptrs() -> None:
    expected = reference("extent")["rptGaussian_logit"]
    found = extent_icc(gold_extents())
    assert found.icc == pytest.approx(expected["ICC"], abs=1e-4)
    assert found.variance_image == pytest.approx(expected["vg"], abs=1e-4)
    assert found.variance_rater == pytest.approx(expected["vr"], abs=1e-4)
    assert found.variance_residual == pytest.approx(expected["ve"], abs=1e-4)
    # Two bootstraps of 1000, each with a standard error of about 0.012 at its upper end.
    assert found.low == expected["CI"][0] == 0
    assert found.high == pytest.approx(expected["CI"][1], abs=0.05)


def test_the_classical_table_is_psychs() -> None:
    found = classical_icc(gold_extents())
    for row, expected in zip(found, reference("extent")["psych_ICC_raw_extent"], strict=True):
        assert row.kind == expected["type"]
        assert (row.df1, row.df2) == (expected["df1"], expected["df2"])
        assert row.icc == pytest.approx(expected["ICC"], abs=1e-6)
        assert row.f == pytest.approx(expected["F"], abs=1e-6)
        assert row.p == pytest.approx(expected["p"], abs=1e-6)
        assert row.low == pytest.approx(expected["lower bound"], abs=1e-6)
        assert row.high == pytest.approx(expected["upper bound"], abs=1e-6)
