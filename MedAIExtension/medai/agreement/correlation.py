"""Pearson's correlation with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from medai.errors import RatingError


@dataclass(frozen=True)
class Correlation:
    """r with its interval; nan below 4 pairs (interval) or without variation (all)."""

    r: float
    low: float
    high: float
    pairs: int


def pearson(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Correlation:
    """Pearson's r of the pairs where both are finite, with Fisher's z interval.

    Raises RatingError on lengths that differ.

    >>> result = pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(result.r, 3), round(result.low, 3), round(result.high, 3)
    (0.8, -0.28, 0.986)
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise RatingError(f"Values of shapes {a.shape} and {b.shape}: expected two equal lists.")
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    nan = float("nan")
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(nan, nan, nan, len(a))
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    if len(a) < 4 or abs(r) == 1.0:
        return Correlation(r, nan if len(a) < 4 else r, nan if len(a) < 4 else r, len(a))
    half = float(ndtri(0.5 + confidence / 2.0)) / np.sqrt(len(a) - 3)
    z = np.arctanh(r)
    return Correlation(r, float(np.tanh(z - half)), float(np.tanh(z + half)), len(a))
