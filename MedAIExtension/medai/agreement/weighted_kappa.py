"""Chance-corrected coefficients of scores in declared categories, side by side.

All are (P_a − P_e) / (1 − P_e) with the same weighted share of agreeing pairs P_a and differ in
what they call chance. Source: Gwet 2014, Handbook of Inter-Rater Reliability, chapters 2 to 4 (and
Conger 1980, Psychol. Bull. 88(2); Light 1971, Psychol. Bull. 76(5); Brennan and Prediger 1981,
Educ. Psychol. Meas. 41(3)).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.kappa import Weights, agreement_weights
from medai.errors import RatingError

Array = NDArray[np.float64]


def weighted_kappas(
    ratings: ArrayLike, categories: ArrayLike, weights: Weights = "identity"
) -> dict[str, float]:
    """Fleiss, Conger, Brennan–Prediger, Gwet (AC1, AC2 with weights) and Cohen or Light.

    ratings: (raters, units), nan where missing. categories: all that may be given, in order, even
        where one never occurs. weights: "identity", "linear" or "quadratic" in the categories.
    Cohen's kappa is given for two raters, Light's (the mean of Cohen's over pairs) for more.
    nan where chance alone would agree fully. Raises RatingError on fewer than 2 categories or
    raters, a rating outside the categories, or no unit with two ratings.

    >>> found = weighted_kappas([[0, 0, 1, 1], [0, 1, 1, 1]], [0, 1])
    >>> found["cohen"], round(found["gwet"], 3), found["brennan_prediger"]
    (0.5, 0.529, 0.5)
    """
    table = np.asarray(ratings, dtype=np.float64)
    values = np.asarray(categories, dtype=np.float64)
    if values.size < 2 or table.ndim != 2 or len(table) < 2:
        raise RatingError(
            f"{values.size} categories and ratings of shape {table.shape}: expected 2 or more "
            "categories and raters."
        )
    present = np.isfinite(table)
    strange = table[present & ~np.isin(table, values)]
    if strange.size:
        raise RatingError(f"A rating of {strange[0]:g} is none of the declared categories.")
    credit = agreement_weights(np.sort(values), weights)
    hits = table[:, :, None] == np.sort(values)
    counts = hits.sum(axis=0).astype(np.float64)
    per_unit = counts.sum(axis=1)
    paired = per_unit >= 2
    if not paired.any():
        raise RatingError("No unit with two ratings: expected at least one.")
    n, rows = per_unit[paired], counts[paired]
    agreeing = (rows * (rows @ credit - 1.0)).sum(axis=1) / (n * (n - 1.0))
    agreement = float(agreeing.mean())
    shares = (counts[per_unit > 0] / per_unit[per_unit > 0, None]).mean(axis=0)
    number = values.size
    own = hits.sum(axis=1) / np.maximum(present.sum(axis=1), 1)[:, None]
    own = own[present.any(axis=1)]
    mean = own.mean(axis=0)
    spread = (own.T @ own - len(own) * np.outer(mean, mean)) / max(len(own) - 1, 1)
    chances = {
        "fleiss": float(shares @ credit @ shares),
        "conger": float((credit * (np.outer(mean, mean) - spread / len(own))).sum()),
        "brennan_prediger": float(credit.sum()) / number**2,
        "gwet": float(credit.sum() * (shares * (1.0 - shares)).sum()) / (number * (number - 1.0)),
    }
    found = {name: _beyond(agreement, chance) for name, chance in chances.items()}
    found["cohen" if len(table) == 2 else "light"] = _mean_cohen(hits, credit)
    return found


def _mean_cohen(hits: NDArray[np.bool_], credit: Array) -> float:
    kappas = []
    for a, b in combinations(range(len(hits)), 2):
        joint = hits[a].T.astype(np.float64) @ hits[b]
        if joint.sum() == 0:
            continue
        joint /= joint.sum()
        chance = np.outer(joint.sum(axis=1), joint.sum(axis=0))
        kappas.append(_beyond(float((joint * credit).sum()), float((chance * credit).sum())))
    finite = [kappa for kappa in kappas if np.isfinite(kappa)]
    return float(np.mean(finite)) if finite else float("nan")


def _beyond(agreement: float, chance: float) -> float:
    return float("nan") if chance >= 1.0 else (agreement - chance) / (1.0 - chance)
