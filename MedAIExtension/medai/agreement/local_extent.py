"""How much of the neighbourhood of each unit is marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from medai.agreement.ratings import check_masks, check_roi
from medai.errors import RatingError


def local_extent(
    mask: ArrayLike,
    roi: ArrayLike | None = None,
    sigma_mm: float = 5.0,
    spacing_mm: tuple[float, ...] | None = None,
) -> NDArray[np.float32]:
    """Share of marked units around each unit, weighted by a Gaussian and inside the ROI only.

    mask: (*grid) of 0 and 1, or a share of raters in 0..1. roi: (*grid) or None.
    sigma_mm: standard deviation of the kernel, in mm; in grid steps where ``spacing_mm`` is None.
    spacing_mm: grid step along each axis.
    Returns (*grid), nan outside the region of interest. It replaces the division into cells by a
    measure without edges (Hurault et al. 2022, discussion).
    Raises RatingError on a sigma that is not positive, or shapes that don't fit.

    >>> local_extent(np.ones((4, 4)), sigma_mm=1.0).min()
    np.float32(1.0)
    """
    grid = check_masks([mask])[0]
    region = check_roi(roi, grid.shape)
    if not sigma_mm > 0:
        raise RatingError(f"A kernel of {sigma_mm} mm: expected more than 0.")
    spacing = np.ones(grid.ndim) if spacing_mm is None else np.asarray(spacing_mm, dtype=float)
    if spacing.shape != (grid.ndim,) or not (spacing > 0).all():
        raise RatingError(f"Spacing {spacing_mm} mm: expected {grid.ndim} positive numbers.")
    sigma = sigma_mm / spacing
    weight = np.ones(grid.shape, np.float32) if region is None else region.astype(np.float32)
    marked = ndimage.gaussian_filter(grid.astype(np.float32) * weight, sigma, mode="constant")
    inside = ndimage.gaussian_filter(weight, sigma, mode="constant")
    share = np.full(grid.shape, np.nan, dtype=np.float32)
    where = weight > 0
    share[where] = np.clip(marked[where] / inside[where], 0.0, 1.0)
    return share
