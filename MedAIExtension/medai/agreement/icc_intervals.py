"""Intervals of a pixel ICC: restricted-likelihood profile and parametric bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from medai.agreement.binomial_table import BinomialTable
from medai.agreement.icc_estimate import IccEstimate, LinkVariance, Method, link_variance_of
from medai.agreement.icc_profile import icc_interval
from medai.agreement.interval import Interval, percentile_interval
from medai.agreement.mixed_model import fit_mixed_model
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.pixel_icc import check_method, pattern_table, pixel_iccs
from medai.agreement.quadrature import fit_by_quadrature, nodes, surroundings
from medai.errors import RatingError

_MOST_RATERS_SIMULATED = 12


def bootstrap_interval(
    masks: ArrayLike | Sequence[ArrayLike] | RatingPatterns,
    roi: ArrayLike | None = None,
    *,
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Parametric-bootstrap interval of pixel_icc: refit ratings drawn from the model.

    The ratings are drawn from the exact fit whatever ``method`` refits them: a model whose
    variances carry Laplace's bias would yield ratings unlike those at hand. With "laplace" the
    interval is of what Laplace estimates on such images; with "exact" it is one of the ICC.
    Rater effects are drawn anew each time; given them, pattern counts are one multinomial draw, so
    the cost does not depend on the size of the image.
    masks, roi, method, link_variance: as pixel_icc; up to 12 raters. nan where the ICC is.
    Source: Stoffel, Nakagawa and Schielzeth 2017, Methods Ecol. Evol. 8(11) (rptR).

    >>> masks = np.random.default_rng(3).integers(0, 2, (3, 30, 30)) | np.eye(30, dtype=int)
    >>> interval = bootstrap_interval(masks, resamples=50)
    >>> 0.0 <= interval.low <= interval.high <= 1.0
    True
    """
    patterns = masks if isinstance(masks, RatingPatterns) else rating_patterns(masks, roi)
    check_method(method)
    estimate = pixel_iccs([patterns], link_variance=link_variance, intervals=False)[0]
    if not np.isfinite(estimate.variance_unit):
        return Interval(estimate.icc, estimate.icc, confidence, 0)
    table = _simulate(estimate, patterns, resamples, np.random.default_rng(seed))
    rated = (table.counts[:, None, :] * table.trials).sum(axis=(1, 2))
    share = (table.counts[:, None, :] * table.successes).sum(axis=(1, 2)) / rated
    usable = (share > 0) & (share < 1)
    table = BinomialTable(table.successes, table.trials, table.counts[usable])
    start = np.array(
        [
            0.5 * np.log(max(estimate.variance_unit, 1e-4)),
            0.5 * np.log(max(estimate.variance_rater, 1e-4)),
            estimate.intercept,
        ]
    )
    starts = np.repeat(start[None], int(usable.sum()), axis=0)
    found = (
        fit_mixed_model(table, starts=starts)
        if method == "laplace"
        else fit_by_quadrature(table, starts=starts)
    )
    link = np.array([link_variance_of(float(p), link_variance) for p in share[usable]])
    unit = found.sd_unit**2
    return percentile_interval(unit / (unit + found.sd_rater**2 + link), confidence)


def _simulate(
    estimate: IccEstimate, patterns: RatingPatterns, resamples: int, random: np.random.Generator
) -> BinomialTable:
    """Resampled pattern counts; every group of units seen by the same raters keeps its size."""
    raters = patterns.raters
    if raters > _MOST_RATERS_SIMULATED:
        raise RatingError(f"{raters} raters: a bootstrap takes at most {_MOST_RATERS_SIMULATED}.")
    v, log_weight = nodes(float(np.sqrt(estimate.variance_unit)))
    s = random.standard_normal((resamples, raters)) * np.sqrt(estimate.variance_rater)
    base = estimate.intercept + np.sqrt(estimate.variance_unit) * v
    eta = base[None, :, None] + s[:, None, :]
    log_no = -np.logaddexp(0.0, eta)
    log_yes = log_no + eta
    groups, inverse = np.unique(patterns.seen, axis=0, return_inverse=True)
    sizes = np.bincount(inverse.reshape(-1), weights=patterns.counts).astype(np.int64)
    successes, trials, counts = [], [], []
    for seen, size in zip(groups, sizes, strict=True):
        who = np.flatnonzero(seen)
        answers = np.array(list(product((0, 1), repeat=len(who))), dtype=np.float64)
        joint = np.matmul(answers, log_yes[:, :, who].transpose(0, 2, 1))
        joint += np.matmul(1.0 - answers, log_no[:, :, who].transpose(0, 2, 1))
        chance = np.exp(joint + log_weight).sum(axis=2)
        chance /= chance.sum(axis=1, keepdims=True)
        counts.append(random.multinomial(size, chance))
        full = np.zeros((raters, len(answers)))
        full[who] = answers.T
        successes.append(full)
        trials.append(np.broadcast_to(seen.astype(np.float64)[:, None], full.shape))
    return BinomialTable(
        np.concatenate(successes, axis=1)[None],
        np.concatenate(trials, axis=1)[None],
        np.concatenate(counts, axis=1).astype(np.float64),
    )


def profile_interval(
    masks: ArrayLike | Sequence[ArrayLike] | RatingPatterns,
    roi: ArrayLike | None = None,
    *,
    link_variance: LinkVariance = "meanobs",
    confidence: float = 0.95,
) -> Interval:
    """Restricted-likelihood interval of the exact pixel_icc: its ``interval`` at any confidence.

    All ICCs at which the restricted likelihood is near its highest (``icc_profile``); V_link is
    held. It takes pixels as independent and raters as drawn from many: on a large image it is as
    wide as the raters are few.
    masks, roi, link_variance: as pixel_icc. nan where the ICC is.

    >>> masks = np.random.default_rng(3).integers(0, 2, (3, 30, 30)) | np.eye(30, dtype=int)
    >>> interval = profile_interval(masks)
    >>> 0.0 < interval.low < interval.high < 1.0
    True
    """
    patterns = masks if isinstance(masks, RatingPatterns) else rating_patterns(masks, roi)
    best = pixel_iccs([patterns], link_variance=link_variance, intervals=False)[0]
    if not np.isfinite(best.variance_unit):
        return Interval(best.icc, best.icc, confidence, 0)
    near = surroundings(
        pattern_table([patterns]),
        float(np.sqrt(best.variance_unit)),
        float(np.sqrt(best.variance_rater)),
        best.intercept,
    )
    found = icc_interval(near, best.variance_link, confidence)
    return Interval(min(found.low, best.icc), max(found.high, best.icc), confidence, 0)
