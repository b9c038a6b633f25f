"""Agreement on how much is marked around each place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.special import stdtrit

from medai.agreement.crossed_reml import crossed_reml
from medai.agreement.ratings import ImageRatings, check_roi

Array = NDArray[np.float64]

# The kernel is as wide as a cell of the area ICC's middle grid: a uniform cell of width w has the
# standard deviation w / √12.
CELLS = 15
# Blocks of a third of the kernel's deviation lose nothing that it would show.
_BLOCKS_A_SIGMA = 3.0


@dataclass(frozen=True)
class LocalExtentIcc:
    """rows: image, icc of each image. mean, se, low, high: over images that are not left out."""

    rows: tuple[dict[str, Any], ...]
    images: int
    mean: float
    se: float
    low: float
    high: float


def local_extent_icc(image: ImageRatings) -> float:
    """ICC of the local extents of one image: V_place / (V_place + V_rater + V_residual).

    The local extent is the share that a rater marked around a place, weighted by a Gaussian as wide
    as a cell of a 15 × 15 grid and inside the region only (see ``local_extent``). The variances are
    those of the crossed two-way model over all places and raters (REML). Unlike the area ICC it has
    no cell edges, and it takes local extents as numbers, not as counts.
    Identical raters give 1; nan for fewer than two raters, or where every local extent is the same.

    >>> masks = np.zeros((2, 30, 30), dtype=np.uint8); masks[:, 5:15, 5:15] = 1
    >>> local_extent_icc(ImageRatings("a", masks, ("x", "y")))
    1.0
    """
    region = check_roi(image.roi, image.masks[0].shape)
    if len(image.raters) < 2 or (region is not None and not region.any()):
        return float("nan")
    table = np.stack([local_extents(mask, region) for mask in image.masks], axis=1)
    if np.ptp(table) == 0:
        return float("nan")
    if np.ptp(table, axis=1).max() == 0:
        return 1.0
    fit = crossed_reml(table[None])
    return float((fit.row / (fit.row + fit.column + fit.residual))[0])


def local_extents(mask: ArrayLike, region: NDArray[np.bool_] | None) -> Array:
    """(places,) local extents of one mask, on blocks that hold a part of the region."""
    grid = np.asarray(mask) != 0
    weight = np.ones(grid.shape) if region is None else region.astype(np.float64)
    wide = [axis for axis, length in enumerate(grid.shape) if length > 1]
    sigma = [length / CELLS / np.sqrt(12.0) if axis in wide else 0.0
             for axis, length in enumerate(grid.shape)]  # fmt: skip
    step = [max(1, int(s / _BLOCKS_A_SIGMA)) for s in sigma]
    marked, inside = _blocks(grid * weight, step), _blocks(weight, step)
    scaled = [s / b for s, b in zip(sigma, step, strict=True)]
    around = ndimage.gaussian_filter(inside, scaled, mode="constant")
    share = ndimage.gaussian_filter(marked, scaled, mode="constant")
    held = inside > 0
    return np.clip(share[held] / around[held], 0.0, 1.0)


def local_extent_iccs(values: Mapping[str, float], left_out: set[str]) -> LocalExtentIcc:
    """The images' ICCs with their mean, standard error and 95 % interval."""
    kept = np.array([v for name, v in values.items() if name not in left_out and np.isfinite(v)])
    n = len(kept)
    nan = float("nan")
    mean = float(kept.mean()) if n else nan
    se = float(kept.std(ddof=1) / np.sqrt(n)) if n > 1 else nan
    half = float(stdtrit(n - 1, 0.975)) * se if n > 1 else nan
    rows = tuple({"image": name, "icc": value} for name, value in values.items())
    return LocalExtentIcc(rows, n, mean, se, mean - half, mean + half)


def _blocks(values: Array, step: list[int]) -> Array:
    """Sums over blocks; what is over at the far ends makes smaller blocks."""
    for axis, width in enumerate(step):
        if width > 1:
            values = np.add.reduceat(values, np.arange(0, values.shape[axis], width), axis=axis)
    return values
