"""Agreement on the total marked extent of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.crossed_reml import CrossedVariances, crossed_reml, simulate_crossed
from medai.errors import RatingError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ExtentIcc:
    """ICC of the logit extent with its bootstrap interval.

    icc: V_image / (V_image + V_rater + V_residual); nan where undefined, ``reason`` says why.
    low, high: 95 % parametric-bootstrap interval (percentiles); nan without resamples.
    log_likelihood: restricted, without its constant.
    """

    icc: float
    low: float
    high: float
    variance_image: float
    variance_rater: float
    variance_residual: float
    intercept: float
    log_likelihood: float
    images: int
    raters: int
    resamples: int
    reason: str = ""


def adjusted_extent(marked: ArrayLike, roi_units: ArrayLike) -> Array:
    """(marked + 1) / (ROI + 2): the extent kept away from 0 and 1, where the logit is infinite.

    >>> float(adjusted_extent(0, 98))
    0.01
    """
    return (np.asarray(marked, dtype=np.float64) + 1.0) / (np.asarray(roi_units) + 2.0)


def extent_icc(extents: ArrayLike, bootstrap: int = 1000, seed: int = 0) -> ExtentIcc:
    """ICC of the extents that raters marked, over images.

        logit extent = β + image + rater + residual, by REML;  ICC = V_image / (sum of the three)

    extents: (images, raters) in 0..1, nan where a rater did not see the image. Give
        ``adjusted_extent`` where pixel counts are known. Proportions of exactly 0 (or 1) have no
        logit and are moved to half the smallest distance from 0 (or 1) among the others.
    bootstrap: parametric resamples for the 95 % interval; 0 gives none. seed: of the resamples.
    Reading: < 0.5 poor, > 0.9 excellent (Koo and Li 2016).
    Raises RatingError on other shapes, fewer than 2 images or raters, values outside 0..1.
    Source: Hurault et al. 2022; rptR's rptGaussian (Stoffel et al. 2017).

    >>> extents = [[0.10, 0.12, 0.09], [0.40, 0.45, 0.38], [0.75, 0.70, 0.81]]
    >>> round(extent_icc(extents, bootstrap=0).icc, 3)
    0.983
    """
    values = np.asarray(extents, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise RatingError(
            f"Extents of shape {values.shape}: expected (images, raters), at least 2 of each."
        )
    seen = ~np.isnan(values)
    if ((values[seen] < 0) | (values[seen] > 1)).any():
        raise RatingError(
            f"Extents from {np.nanmin(values):g} to {np.nanmax(values):g}: expected 0 to 1."
        )
    kept = seen.sum(axis=1) > 0
    values, seen = values[kept], seen[kept]
    if len(values) < 2 or (seen.sum(axis=1) > 1).sum() < 1:
        raise RatingError("Extents: expected at least 2 images, one of them seen by 2 raters.")
    logits = _logit(values, seen)
    images, raters = values.shape
    if np.ptp(logits[seen]) == 0:
        nan = float("nan")
        return ExtentIcc(
            nan,
            nan,
            nan,
            0.0,
            0.0,
            0.0,
            float(logits[seen][0]),
            nan,
            images,
            raters,
            0,
            "every extent is the same",
        )
    fit = crossed_reml(logits[None])
    low, high = float("nan"), float("nan")
    if bootstrap > 0:
        resampled = crossed_reml(simulate_crossed(fit, seen, bootstrap, seed))
        low, high = (float(q) for q in np.quantile(_icc(resampled), [0.025, 0.975]))
    return ExtentIcc(
        icc=float(_icc(fit)[0]),
        low=low,
        high=high,
        variance_image=float(fit.row[0]),
        variance_rater=float(fit.column[0]),
        variance_residual=float(fit.residual[0]),
        intercept=float(fit.mean[0]),
        log_likelihood=float(fit.log_likelihood[0]),
        images=images,
        raters=raters,
        resamples=max(bootstrap, 0),
    )


def _icc(fit: CrossedVariances) -> Array:
    return fit.row / (fit.row + fit.column + fit.residual)


def _logit(values: Array, seen: NDArray[np.bool_]) -> Array:
    inner = values[seen & (values > 0) & (values < 1)]
    lowest = inner.min() / 2 if inner.size else 0.25
    highest = 1.0 - (1.0 - inner.max()) / 2 if inner.size else 0.75
    moved = np.where(values == 0, lowest, np.where(values == 1, highest, values))
    return np.log(moved) - np.log1p(-moved)
