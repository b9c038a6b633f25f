"""The kappa family: Fleiss, Cohen (weighted too) and Gwet, for masks and label maps alike."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.categories import CategoryPatterns, category_patterns
from medai.errors import RatingError

Array = NDArray[np.float64]
Weights = Literal["identity", "linear", "quadratic"]

_WEIGHTS = ("identity", "linear", "quadratic")


def fleiss_kappa(ratings: ArrayLike) -> float:
    """Fleiss' kappa, (P − P_e) / (1 − P_e) with P_e from the pooled category shares.

    ratings: (raters, units) of category numbers; nan where missing, units with unequally many
        ratings count by their pairs' share of agreement.
    Reading: 1 perfect, 0 chance. nan where only one category occurs.
    Raises RatingError on fewer than 2 raters or no unit with two ratings.
    Source: Fleiss 1971, Psychol. Bull. 76(5), 378-382.

    >>> round(fleiss_kappa([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1]]), 4)
    0.6571
    """
    patterns = _pairable(ratings)
    agreement, shares = _agreement(patterns, np.eye(len(patterns.values)))
    return _beyond_chance(agreement, float((shares**2).sum()))


def cohen_kappa(first: ArrayLike, second: ArrayLike, weights: Weights = "identity") -> float:
    """Cohen's kappa of two raters, P_e from each rater's own category shares.

    first, second: equally shaped arrays of category numbers; units where either is nan are left
        out.
    weights: credit for near misses: "identity" none, "linear" 1 − |i − j|/(k − 1), "quadratic"
        1 − ((i − j)/(k − 1))², by the categories' values.
    Reading: 1 perfect, 0 chance. nan where both use one and the same category throughout.
    Raises RatingError on shapes that differ or no unit rated by both.
    Source: Cohen 1960, Educ. Psychol. Meas. 20(1); 1968, Psychol. Bull. 70(4) for the weights.

    >>> cohen_kappa([0, 0, 1, 1], [0, 1, 1, 1])
    0.5
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape:
        raise RatingError(f"Ratings of shapes {a.shape} and {b.shape}: expected equal shapes.")
    patterns = _pairable(np.stack([a.reshape(-1), b.reshape(-1)]))
    values = len(patterns.values)
    joint = np.zeros((values, values))
    np.add.at(joint, (patterns.index[:, 0], patterns.index[:, 1]), patterns.counts)
    joint /= joint.sum()
    credit = agreement_weights(patterns.values, weights)
    chance = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    return _beyond_chance(float((joint * credit).sum()), float((chance * credit).sum()))


def pairwise_cohen(ratings: ArrayLike, weights: Weights = "identity") -> Array:
    """(raters, raters) Cohen's kappa of every pair; 1 on the diagonal, nan without common units.

    >>> pairwise_cohen([[0, 0, 1, 1], [0, 1, 1, 1]]).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    table = np.asarray(ratings)
    result = np.eye(len(table))
    for j in range(len(table)):
        for k in range(j):
            try:
                result[j, k] = result[k, j] = cohen_kappa(table[j], table[k], weights)
            except RatingError:
                result[j, k] = result[k, j] = np.nan
    return result


def gwet_ac(ratings: ArrayLike, weights: Weights = "identity") -> float:
    """Gwet's AC1 (identity weights) or AC2 (linear, quadratic): kappa for lopsided categories.

        P_e = T_w / (q (q − 1)) Σ_k π_k (1 − π_k)

    with T_w the sum of all weights and π_k the mean share of category k over units. It stays near
    the raw agreement where kappa collapses because one category is rare.
    ratings: (raters, units) of category numbers; nan where missing.
    Reading: 1 perfect, 0 chance. nan where only one category occurs.
    Source: Gwet 2008, Br. J. Math. Stat. Psychol. 61(1), 29-48; 2014, Handbook of Inter-Rater
    Reliability, chapters 4-5.

    >>> round(gwet_ac([[0, 0, 0, 0, 1], [0, 0, 0, 1, 1]]), 4)
    0.6552
    """
    everything = category_patterns(ratings)
    _pairable(ratings)
    values = len(everything.values)
    if values < 2:
        return float("nan")
    credit = agreement_weights(everything.values, weights)
    agreement, _ = _agreement(everything, credit)
    per_unit = everything.per_unit
    rated = per_unit > 0
    shares = everything.per_value[rated] / per_unit[rated, None]
    weight = everything.counts[rated] / everything.counts[rated].sum()
    mean = (weight[:, None] * shares).sum(axis=0)
    chance = credit.sum() / (values * (values - 1.0)) * float((mean * (1.0 - mean)).sum())
    return _beyond_chance(agreement, chance)


def agreement_weights(values: Array, weights: Weights) -> Array:
    """(values, values) credit for a pair of ratings, 1 on the diagonal."""
    if weights not in _WEIGHTS:
        raise RatingError(f"Weights {weights!r}: expected one of {', '.join(_WEIGHTS)}.")
    if weights == "identity" or len(values) < 2:
        return np.eye(len(values))
    apart = np.abs(values[:, None] - values[None, :]) / (values[-1] - values[0])
    return 1.0 - (apart if weights == "linear" else apart**2)


def _pairable(ratings: ArrayLike) -> CategoryPatterns:
    patterns = category_patterns(ratings).pairable()
    if not patterns.counts.size:
        raise RatingError("No unit with two ratings: expected at least one.")
    return patterns


def _agreement(patterns: CategoryPatterns, credit: Array) -> tuple[float, Array]:
    """Mean share of agreeing pairs over units with two ratings, and the pooled category shares."""
    per_value = patterns.per_value.astype(np.float64)
    per_unit = patterns.per_unit
    paired = per_unit >= 2
    n = per_unit[paired].astype(np.float64)
    rows, counts = per_value[paired], patterns.counts[paired]
    agreeing = (rows * (rows @ credit - 1.0)).sum(axis=1) / (n * (n - 1.0))
    totals = (counts[:, None] * rows).sum(axis=0)
    return float((counts * agreeing).sum() / counts.sum()), totals / totals.sum()


def _beyond_chance(observed: float, chance: float) -> float:
    return float("nan") if chance >= 1.0 else float((observed - chance) / (1.0 - chance))
