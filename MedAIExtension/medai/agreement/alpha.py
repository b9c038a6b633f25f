"""Krippendorff's alpha: agreement beyond chance for any number of raters, with missing ratings."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.categories import CategoryPatterns, category_patterns
from medai.agreement.interval import Interval, percentile_interval
from medai.errors import RatingError

Array = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]

_LEVELS = ("nominal", "ordinal", "interval", "ratio")
_MOST_VALUES_IN_BOOTSTRAP = 200


def krippendorff_alpha(ratings: ArrayLike, level: Level = "nominal") -> float:
    """Krippendorff's alpha, 1 − D_observed / D_expected.

    ratings: (raters, units), or (raters, *grid); nan where a rating is missing. Units with fewer
        than two ratings do not count.
    level: of measurement; the squared difference of two values is 0 or 1 (nominal), that of their
        mean ranks (ordinal), of the values (interval), or ((a − b) / (a + b))² (ratio).
    Reading: 1 perfect, 0 chance, below 0 systematic disagreement; 0.8 and more is good, 0.667 the
    least for tentative conclusions (Krippendorff 2018, Content Analysis, chapter 12).
    Returns nan where it is undefined: no unit with two ratings, or one value throughout.
    Raises RatingError on fewer than 2 raters, no unit, or an unknown level.

    >>> round(krippendorff_alpha([[1, 1, 0, 0, 1], [1, 1, 0, 1, 1]]), 4)
    0.5714
    >>> krippendorff_alpha([[1, 2, 3, np.nan], [1, 2, 3, 4]], level="interval")
    1.0
    """
    if level not in _LEVELS:
        raise RatingError(f"Level {level!r}: expected one of {', '.join(_LEVELS)}.")
    return alpha_of_patterns(category_patterns(ratings), level)


def alpha_of_patterns(patterns: CategoryPatterns, level: Level = "nominal") -> float:
    """krippendorff_alpha of ratings that are counted already."""
    patterns = patterns.pairable()
    if len(patterns.values) < 2:
        return float("nan")
    counts = patterns.counts.astype(np.float64)
    per_unit = patterns.per_unit.astype(np.float64)
    totals = _value_totals(patterns)
    total = totals.sum()
    weights = counts / (per_unit - 1.0)
    if level == "nominal":
        alike = _sum_of_squares(patterns)
        observed = (weights * (per_unit**2 - alike)).sum()
        expected = (total**2 - (totals**2).sum()) / (total - 1.0)
        return float(1.0 - observed / expected)
    if level == "ratio":
        return _ratio(patterns, weights, totals)
    values = patterns.values
    if level == "ordinal":
        values = np.cumsum(totals) - 0.5 * totals
    values = values - (totals * values).sum() / total
    seen = patterns.index >= 0
    rated = np.where(seen, values[patterns.index], 0.0)
    centre = rated.sum(axis=1) / per_unit
    spread = per_unit * (seen * (rated - centre[:, None]) ** 2).sum(axis=1)
    observed = 2.0 * (weights * spread).sum()
    expected = 2.0 * (total * (totals * values**2).sum() - (totals * values).sum() ** 2)
    return float(1.0 - observed * (total - 1.0) / expected)


def alpha_interval(
    ratings: ArrayLike,
    level: Level = "nominal",
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of krippendorff_alpha, units drawn with replacement.

    Raises RatingError as krippendorff_alpha does, and beyond 200 different values.

    >>> ratings = np.random.default_rng(1).integers(0, 2, (3, 200))
    >>> interval = alpha_interval(ratings, resamples=200)
    >>> interval.low < krippendorff_alpha(ratings) < interval.high
    True
    """
    if level not in _LEVELS:
        raise RatingError(f"Level {level!r}: expected one of {', '.join(_LEVELS)}.")
    patterns = category_patterns(ratings).pairable()
    if len(patterns.values) > _MOST_VALUES_IN_BOOTSTRAP:
        raise RatingError(
            f"{len(patterns.values)} different ratings: a bootstrap takes at most "
            f"{_MOST_VALUES_IN_BOOTSTRAP}."
        )
    if level == "ratio" and patterns.values.size and patterns.values[0] < 0:
        raise RatingError(_below_zero(patterns.values[0]))
    if len(patterns.values) < 2:
        return Interval(float("nan"), float("nan"), confidence, 0)
    random = np.random.default_rng(seed)
    units = int(patterns.counts.sum())
    drawn = random.multinomial(units, patterns.counts / units, size=resamples)
    return percentile_interval(_alphas(patterns, drawn.astype(np.float64), level), confidence)


def _alphas(patterns: CategoryPatterns, counts: Array, level: Level) -> Array:
    """(b,) alphas for pattern counts (b, patterns), through the coincidence matrix."""
    per_value = patterns.per_value.astype(np.float64)
    per_unit = patterns.per_unit.astype(np.float64)
    values = len(patterns.values)
    pairs = per_value[:, :, None] * per_value[:, None, :]
    index = np.arange(values)
    pairs[:, index, index] -= per_value
    pairs /= (per_unit - 1.0)[:, None, None]
    coincidences = (counts @ pairs.reshape(len(pairs), -1)).reshape(-1, values, values)
    totals = coincidences.sum(axis=2)
    distance = _distances(patterns.values, totals, level)
    observed = (coincidences * distance).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1.0 - observed * (totals.sum(axis=1) - 1.0) / expected


def _distances(values: Array, totals: Array, level: Level) -> Array:
    """(b or 1, values, values) squared differences."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))[None]
    if level == "ordinal":
        ranks = np.cumsum(totals, axis=1) - 0.5 * totals
        return (ranks[:, :, None] - ranks[:, None, :]) ** 2
    if level == "interval":
        return (values[:, None] - values[None, :])[None] ** 2
    return _ratio_distance(values[:, None], values[None, :])[None]


def _ratio_distance(a: Array, b: Array) -> Array:
    total = a + b
    return np.where(total == 0, 0.0, (a - b) / np.where(total == 0, 1.0, total)) ** 2


def _value_totals(patterns: CategoryPatterns) -> Array:
    totals = np.zeros(len(patterns.values))
    for column in patterns.index.T:
        seen = column >= 0
        totals += np.bincount(
            column[seen], weights=patterns.counts[seen], minlength=len(patterns.values)
        )
    return totals


def _sum_of_squares(patterns: CategoryPatterns) -> Array:
    """(patterns,) Σ_c n_c²: equal pairs, a rating paired with itself included."""
    index = patterns.index
    seen = index >= 0
    alike = seen.sum(axis=1).astype(np.float64)
    for j in range(index.shape[1]):
        for k in range(j):
            alike += 2.0 * (seen[:, j] & (index[:, j] == index[:, k]))
    return alike


def _below_zero(value: float) -> str:
    return f"A rating of {value:g} at the ratio level: expected 0 or more."


def _ratio(patterns: CategoryPatterns, weights: Array, totals: Array) -> float:
    values, index = patterns.values, patterns.index
    if values[0] < 0:
        raise RatingError(_below_zero(values[0]))
    observed = 0.0
    for j in range(index.shape[1]):
        for k in range(j):
            both = (index[:, j] >= 0) & (index[:, k] >= 0)
            apart = _ratio_distance(values[index[both, j]], values[index[both, k]])
            observed += 2.0 * float((weights[both] * apart).sum())
    expected = 0.0
    for place, value in enumerate(values):
        apart = _ratio_distance(np.array(value), values)
        expected += totals[place] * float((totals * apart).sum())
    return float(1.0 - observed * (totals.sum() - 1.0) / expected)
