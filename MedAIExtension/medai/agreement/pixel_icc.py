"""Agreement pixel by pixel, corrected for chance: the ICC of a logistic mixed model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from medai.agreement.binomial_table import BinomialTable
from medai.agreement.icc_estimate import (
    CONFIDENCE,
    IccEstimate,
    LinkVariance,
    Method,
    estimate,
    link_variance_of,
    perfect,
    too_small,
    undefined,
)
from medai.agreement.icc_profile import icc_interval
from medai.agreement.mixed_model import fit_mixed_model
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.quadrature import fit_by_quadrature, surroundings
from medai.errors import RatingError

METHODS = ("exact", "laplace")
ALL_ALIKE = "every rating is the same, so chance and agreement can't be told apart"


def pixel_icc(
    masks: ArrayLike | Sequence[ArrayLike] | RatingPatterns,
    roi: ArrayLike | None = None,
    *,
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
) -> IccEstimate:
    """ICC of the ratings of one image's pixels, on the logit scale.

        logit P(marked) = β + pixel + rater,   ICC = V_pixel / (V_pixel + V_rater + V_link)

    masks: (raters, *grid) of 0 and 1, at least 2 raters; or patterns counted before.
    roi: (*grid), non-zero where ratings count; None is the whole grid.
    method: "exact" integrates over the pixel effects by quadrature and gives an interval;
        "laplace" is the approximation that lme4 and rptR make, as published studies did. Where
        little is marked, Laplace is too high by 0.4 and more (see the documentation): use it only
        to compare with published values.
    link_variance: "meanobs" takes V_link = 1/(p(1−p)) at the mean rating p (rptR's default for
        R_link), "liability" π²/3.
    Reading: < 0.5 poor, > 0.9 excellent (Koo and Li 2016). Raters alike on every pixel give 1;
    a single answer throughout gives nan with its reason; regions of under 30 pixels say in
    ``reason`` that they are not reliable. The interval takes pixels as independent, V_link as
    known, and the raters as drawn from many.
    Raises RatingError on fewer than 2 raters and on anything rating_patterns refuses.
    Source: Hurault et al. 2022, "Detecting eczema areas in digital images"; Nakagawa and
    Schielzeth 2010, Biol. Rev. 85(4).

    >>> masks = np.zeros((3, 20, 20), dtype=np.uint8)
    >>> masks[0, 4:14, 4:14] = masks[1, 5:15, 4:14] = masks[2, 4:14, 6:16] = 1
    >>> round(pixel_icc(masks).icc, 2), round(pixel_icc(masks, method="laplace").icc, 2)
    (0.88, 0.97)
    """
    patterns = masks if isinstance(masks, RatingPatterns) else rating_patterns(masks, roi)
    return pixel_iccs([patterns], method=method, link_variance=link_variance)[0]


def pixel_iccs(
    images: Sequence[RatingPatterns],
    *,
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
    intervals: bool = True,
) -> list[IccEstimate]:
    """pixel_icc of many images at once; those with the same number of raters share one fit.

    intervals: whether exact estimates get one.
    """
    check_method(method)
    fit = fit_mixed_model if method == "laplace" else fit_by_quadrature
    results: list[IccEstimate | None] = [_without_fit(one, link_variance) for one in images]
    groups: dict[int, list[int]] = {}
    for index, result in enumerate(results):
        if result is None:
            groups.setdefault(images[index].raters, []).append(index)
    for members in groups.values():
        found = fit(pattern_table([images[index] for index in members]))
        for place, index in enumerate(members):
            sd_unit, sd_rater = float(found.sd_unit[place]), float(found.sd_rater[place])
            intercept = float(found.intercept[place])
            link = link_variance_of(mean_rating(images[index]), link_variance)
            interval = None
            if intervals and method == "exact":
                table = pattern_table([images[index]])
                near = surroundings(table, sd_unit, sd_rater, intercept)
                interval = icc_interval(near, link, CONFIDENCE)
            results[index] = estimate(
                sd_unit,
                sd_rater,
                0.0,
                link,
                intercept,
                float(found.log_likelihood[place]),
                interval,
                too_small(images[index].units),
            )
    return [result for result in results if result is not None]


def check_method(method: str) -> None:
    """Raise RatingError on a word that is no method."""
    if method not in METHODS:
        raise RatingError(f"Method {method!r}: expected 'exact' or 'laplace'.")


def mean_rating(patterns: RatingPatterns) -> float:
    """Share of the ratings that are 1.

    >>> mean_rating(rating_patterns([[0, 1], [1, 1]]))
    0.75
    """
    seen = patterns.seen
    weights = patterns.counts[:, None] * seen
    return float((weights * (patterns.ratings == 1)).sum() / weights.sum())


def pattern_table(images: Sequence[RatingPatterns]) -> BinomialTable:
    """Patterns of images with equally many raters as one table, padded with rows of count 0."""
    rows = max(len(one.counts) for one in images)
    raters = images[0].raters
    successes = np.zeros((len(images), raters, rows))
    trials = np.zeros((len(images), raters, rows))
    counts = np.zeros((len(images), rows))
    for place, one in enumerate(images):
        used = slice(len(one.counts))
        successes[place, :, used] = (one.ratings == 1).T
        trials[place, :, used] = one.seen.T
        counts[place, used] = one.counts
    return BinomialTable(successes, trials, counts)


def _without_fit(patterns: RatingPatterns, link_variance: LinkVariance) -> IccEstimate | None:
    raters_seen = patterns.seen.any(axis=0).sum()
    if raters_seen < 2:
        raise RatingError(f"{raters_seen} rater: agreement needs at least 2.")
    share = mean_rating(patterns)
    if share in (0.0, 1.0):
        return undefined(ALL_ALIKE)
    marked = (patterns.ratings == 1).any(axis=1)
    blank = (patterns.ratings == 0).any(axis=1)
    if (marked & blank).any():
        return None
    # σ_unit → ∞ with β/σ_unit fixed: every unit is one draw, marked by all or by none.
    ones = int(patterns.counts[marked].sum())
    zeros = int(patterns.counts[blank].sum())
    total = ones + zeros
    limit = ones * np.log(ones / total) + zeros * np.log(zeros / total)
    sign = float("inf") if ones > zeros else float("-inf")
    return perfect(
        link_variance_of(share, link_variance), 0.0 if ones == zeros else sign, float(limit)
    )
