"""Ratings drawn from the crossed logistic mixed model with known variances."""

from __future__ import annotations

import numpy as np


def simulated_masks(
    units: int,
    raters: int,
    variance_unit: float,
    variance_rater: float,
    intercept: float,
    seed: int,
) -> np.ndarray:
    """masks (raters, units) of 0 and 1."""
    random = np.random.default_rng(seed)
    unit = np.sqrt(variance_unit) * random.standard_normal(units)
    rater = np.sqrt(variance_rater) * random.standard_normal((raters, 1))
    chance = 1.0 / (1.0 + np.exp(-(intercept + unit + rater)))
    return (random.random((raters, units)) < chance).astype(np.uint8)
