"""How reliable the mean of several raters is, and how many are needed."""

from __future__ import annotations

import math

from medai.agreement.icc_estimate import IccEstimate
from medai.errors import RatingError


def mean_reliability(icc: float | IccEstimate, raters: int) -> float:
    """Reliability of the mean of ``raters`` raters, V_u / (V_u + (V_r + V_e) / n).

    icc: of one rater, as a number or an estimate. nan gives nan.
    Raises RatingError on fewer than one rater or an ICC outside 0..1.
    Source: Spearman-Brown; Nakagawa and Schielzeth 2010, eq. 6.

    >>> mean_reliability(0.5, 9)
    0.9
    """
    single = _single(icc)
    if raters < 1:
        raise RatingError(f"{raters} raters: expected at least 1.")
    return raters * single / (1.0 + (raters - 1.0) * single)


def raters_needed(icc: float | IccEstimate, target: float = 0.9) -> int | None:
    """The fewest raters whose mean reaches ``target``; None where no number does (ICC 0 or nan).

    >>> raters_needed(0.5, 0.9), raters_needed(0.0), raters_needed(0.95)
    (9, None, 1)
    """
    single = _single(icc)
    if not 0.0 < target < 1.0:
        raise RatingError(f"A target reliability of {target}: expected between 0 and 1.")
    if not single > 0.0:
        return None
    if single >= 1.0:
        return 1
    exact = target / (1.0 - target) * (1.0 - single) / single
    # A whole number that floating point left a hair above itself stays that number.
    return max(1, math.ceil(exact - 1e-9))


def _single(icc: float | IccEstimate) -> float:
    single = icc.icc if isinstance(icc, IccEstimate) else float(icc)
    if single < 0.0 or single > 1.0:
        raise RatingError(f"An ICC of {single}: expected 0 to 1.")
    return single
