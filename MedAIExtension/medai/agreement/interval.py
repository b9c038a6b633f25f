"""An interval with the confidence it is meant at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """low..high at ``confidence`` (0..1); ``resamples`` it rests on, 0 where it is analytic."""

    low: float
    high: float
    confidence: float
    resamples: int


def percentile_interval(samples: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """The central part of bootstrap samples; samples that are nan are left out.

    >>> percentile_interval(np.arange(101.0), 0.5)
    Interval(low=25.0, high=75.0, confidence=0.5, resamples=101)
    """
    finite = samples[np.isfinite(samples)]
    if not finite.size:
        return Interval(float("nan"), float("nan"), confidence, 0)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(finite, [tail, 1.0 - tail])
    return Interval(float(low), float(high), confidence, int(finite.size))
