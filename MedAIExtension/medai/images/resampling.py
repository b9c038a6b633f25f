"""A mask from one grid onto another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import GeometryError
from medai.images.volume import Volume


def same_grid(a: NDArray, b: NDArray) -> bool:
    """Whether two IJK-to-RAS matrices place a voxel within a hundredth of a millimetre."""
    return bool(np.allclose(a, b, rtol=0.0, atol=0.01))


def resample_mask(
    mask: NDArray, ijk_to_ras: NDArray[np.float64], reference: Volume
) -> NDArray[np.uint8]:
    """A label mask (z, y, x) on ``reference``'s grid, by nearest neighbour; 0 outside the mask.

    mask: (z, y, x) labels 0..255 on the grid that ``ijk_to_ras`` (4×4, mm) describes.
    Raises GeometryError when the mask isn't three-dimensional, or lies wholly elsewhere.
    """
    if mask.ndim != 3:
        raise GeometryError(f"Mask of shape {mask.shape}, expected (z, y, x).")
    labels = np.asarray(mask).astype(np.uint8, copy=False)
    if mask.shape == reference.grid_shape and same_grid(ijk_to_ras, reference.ijk_to_ras):
        return labels
    xyz = np.linalg.inv(ijk_to_ras) @ reference.ijk_to_ras
    out = np.empty(reference.grid_shape, np.uint8)
    ndimage.affine_transform(
        labels,
        xyz[2::-1, 2::-1],
        offset=xyz[2::-1, 3],
        output_shape=reference.grid_shape,
        output=out,
        order=0,
        mode="grid-constant",
        cval=0,
        prefilter=False,
    )
    if labels.any() and not out.any():
        raise GeometryError(
            f"The mask lies outside {reference.name}: they were made from different studies."
        )
    return out
