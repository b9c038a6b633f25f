"""Intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import (
    alpha_interval,
    bootstrap_interval,
    extent_icc,
    krippendorff_alpha,
    pixel_icc,
    profile_interval,
)
from medai.agreement.patterns import rating_patterns
from medai.agreement.pixel_icc import pixel_iccs
from Testing.agreement.gold_cases import masks_and_skin
from Testing.agreement.simulated import simulated_masks

VARIANCE_UNIT, VARIANCE_RATER, INTERCEPT = 4.0, 0.2, -0.5


def test_quadrature_recovers_known_variances() -> None:
    images = [
        rating_patterns(simulated_masks(2500, 4, VARIANCE_UNIT, VARIANCE_RATER, INTERCEPT, seed))
        for seed in range(30)
    ]
    found = pixel_iccs(images, method="exact")
    unit = np.array([one.variance_unit for one in found])
    rater = np.array([one.variance_rater for one in found])
    assert unit.mean() == pytest.approx(VARIANCE_UNIT, abs=3 * unit.std() / np.sqrt(30))
    # Maximum likelihood of a variance from 4 raters is low by about a quarter.
    assert rater.mean() == pytest.approx(0.75 * VARIANCE_RATER, abs=3 * rater.std() / np.sqrt(30))


def test_the_bootstrap_interval_covers_the_truth_at_its_nominal_rate() -> None:
    covered = 0
    for seed in range(20):
        masks = simulated_masks(900, 3, VARIANCE_UNIT, VARIANCE_RATER, INTERCEPT, 100 + seed)
        interval = bootstrap_interval(
            masks, method="exact", link_variance="liability", resamples=80, confidence=0.9
        )
        truth = VARIANCE_UNIT / (VARIANCE_UNIT + VARIANCE_RATER + np.pi**2 / 3)
        covered += interval.low <= truth <= interval.high
    # Of 20 intervals at 90 %, fewer than 15 cover once in a hundred times.
    assert covered >= 15


@pytest.mark.parametrize("case", ["b_moderate4", "c_poor4"])
def test_intervals_enclose_their_estimate(case: str) -> None:
    masks, skin = masks_and_skin(case)
    estimate = pixel_icc(masks, skin).icc
    for interval in (
        profile_interval(masks, skin),
        bootstrap_interval(masks, skin, resamples=200),
    ):
        assert 0 <= interval.low < estimate < interval.high <= 1
        # Four raters tell little of the variance between raters, and the intervals say so.
        assert interval.high - interval.low < 0.35


def test_the_profile_is_the_likelihoods_own_drop() -> None:
    masks, skin = masks_and_skin("c_poor4")
    wide = profile_interval(masks, skin, confidence=0.99)
    narrow = profile_interval(masks, skin, confidence=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_larger_confidence_gives_a_wider_alpha_interval_around_alpha() -> None:
    ratings = np.random.default_rng(2).integers(1, 4, (3, 80)).astype(float)
    ratings[1] = np.where(np.random.default_rng(3).random(80) < 0.7, ratings[0], ratings[1])
    ratings[2, :9] = np.nan
    for level in ("nominal", "ordinal", "interval", "ratio"):
        wide = alpha_interval(ratings, level, resamples=400)
        narrow = alpha_interval(ratings, level, resamples=400, confidence=0.5)
        assert wide.low < narrow.low < krippendorff_alpha(ratings, level) < narrow.high < wide.high


def test_the_extent_interval_narrows_with_more_images_and_repeats_with_its_seed() -> None:
    random = np.random.default_rng(4)
    logits = random.normal(size=(60, 1)) + 0.7 * random.normal(size=(60, 4))
    extents = 1 / (1 + np.exp(-logits))
    few, many = extent_icc(extents[:10], 300), extent_icc(extents, 300)
    assert many.high - many.low < few.high - few.low
    assert many.low < 1 / 1.49 < many.high
    assert extent_icc(extents, 300) == many
    assert extent_icc(extents, 300, seed=1).low != many.low


def test_extents_with_gaps_agree_with_the_closed_form_when_the_gaps_are_few() -> None:
    random = np.random.default_rng(5)
    extents = 1 / (1 + np.exp(-(random.normal(size=(40, 1)) + 0.5 * random.normal(size=(40, 4)))))
    holes = extents.copy()
    holes[0, 0] = np.nan
    assert extent_icc(holes, 0).icc == pytest.approx(extent_icc(extents, 0).icc, abs=0.02)
