"""Intervals of a pixel ICC: parametric bootstrap and likelihood profile."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtri

from medai.agreement.binomial_table import BinomialTable
from medai.agreement.icc_estimate import IccEstimate, LinkVariance, link_variance_of
from medai.agreement.interval import Interval, percentile_interval
from medai.agreement.laplace import log_likelihood, zero_modes
from medai.agreement.maximize import maximize
from medai.agreement.mixed_model import fit_mixed_model
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.pixel_icc import Method, mean_rating, pattern_table, pixel_icc
from medai.agreement.quadrature import fit_by_quadrature, nodes
from medai.errors import RatingError

Array = NDArray[np.float64]

_MOST_RATERS_SIMULATED = 12
_LOWER = np.array([-12.0, -60.0])
_UPPER = np.array([6.0, 60.0])
_LONGEST = np.array([1.0, 2.0])
# ICCs between which the profile is searched.
_LEAST_ICC, _MOST_ICC = 1e-5, 1.0 - 1e-6


def bootstrap_interval(
    masks: ArrayLike | Sequence[ArrayLike] | RatingPatterns,
    roi: ArrayLike | None = None,
    *,
    method: Method = "laplace",
    link_variance: LinkVariance = "meanobs",
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Parametric-bootstrap interval of pixel_icc: refit ratings drawn from the model.

    The ratings are drawn from the exact fit (quadrature) whatever ``method`` refits them: a model
    whose variances carry Laplace's bias would yield ratings unlike those at hand. With "laplace"
    the interval is of what Laplace estimates on such images; with "quadrature" it is one of the
    ICC itself. Rater effects are drawn anew each time; given them, pattern counts are one
    multinomial draw, so the cost does not depend on the size of the image.
    masks, roi, method, link_variance: as pixel_icc; up to 12 raters. nan where the ICC is.
    Source: Stoffel, Nakagawa and Schielzeth 2017, Methods Ecol. Evol. 8(11) (rptR).

    >>> masks = np.random.default_rng(3).integers(0, 2, (3, 30, 30)) | np.eye(30, dtype=int)
    >>> interval = bootstrap_interval(masks, resamples=50)
    >>> 0.0 <= interval.low <= pixel_icc(masks).icc <= interval.high
    True
    """
    patterns = masks if isinstance(masks, RatingPatterns) else rating_patterns(masks, roi)
    estimate = pixel_icc(patterns, method="quadrature", link_variance=link_variance)
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
    """Likelihood-profile interval of the Laplace pixel_icc.

    All ICCs at which the likelihood, maximised over everything else, is within half the χ²
    quantile of its maximum; V_link is held. It takes pixels as independent, so it is narrow on
    large images: it says what the pixels of this image tell, not what other raters would do.
    masks, roi, link_variance: as pixel_icc. nan where the ICC is.

    >>> masks = np.random.default_rng(3).integers(0, 2, (3, 30, 30)) | np.eye(30, dtype=int)
    >>> interval = profile_interval(masks)
    >>> interval.low <= pixel_icc(masks).icc <= interval.high
    True
    """
    patterns = masks if isinstance(masks, RatingPatterns) else rating_patterns(masks, roi)
    best = pixel_icc(patterns, link_variance=link_variance)
    if not np.isfinite(best.variance_unit):
        return Interval(best.icc, best.icc, confidence, 0)
    table = pattern_table([patterns])
    link = link_variance_of(mean_rating(patterns), link_variance)
    drop = 0.5 * float(chdtri(1, 1.0 - confidence))
    here = [0.5 * np.log(max(best.variance_rater, 1e-6)), best.intercept]

    def below(logit: float, start: list[float]) -> float:
        odds = float(np.exp(logit))
        value, found = _at_icc(table, odds, link, np.array(start))
        start[:] = found
        return value - best.log_likelihood + drop

    def end(limit_icc: float, direction: float) -> float:
        limit = float(np.log(limit_icc / (1.0 - limit_icc)))
        inside = float(np.log(max(best.icc, _LEAST_ICC) / (1.0 - min(best.icc, _MOST_ICC))))
        start, step = list(here), 0.1
        while direction * (limit - inside) > 0:
            outside = inside + direction * step
            if direction * (outside - limit) > 0:
                outside = limit
            if below(outside, start) < 0:
                root = brentq(below, inside, outside, args=(list(start),), xtol=1e-6)
                return float(1.0 / (1.0 + np.exp(-root)))
            inside, step = outside, 2.0 * step
        return 0.0 if direction < 0 else 1.0

    return Interval(
        min(end(_LEAST_ICC, -1.0), best.icc), max(end(_MOST_ICC, 1.0), best.icc), confidence, 0
    )


def _at_icc(table: BinomialTable, odds: float, link: float, start: Array) -> tuple[float, Array]:
    """Highest likelihood with V_unit = odds · (V_rater + V_link), and where it is."""
    modes = zero_modes(1, table, False)

    def objective(x: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        rater = np.exp(2.0 * x[:, 0])
        unit = odds * (rater + link)
        part = modes.take(index)
        value, gradient = log_likelihood(
            np.stack([0.5 * np.log(unit), x[:, 0], x[:, 1]], axis=1), table, part
        )
        modes.put(index, part)
        along = gradient[:, 1] + gradient[:, 0] * odds * rater / unit
        return value, np.stack([along, gradient[:, 2]], axis=1)

    found = maximize(objective, start[None], _LOWER, _UPPER, _LONGEST)
    return float(found.values[0]), found.parameters[0]
