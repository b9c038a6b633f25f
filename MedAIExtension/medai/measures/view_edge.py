"""Where a picture ends: at its border, or at the padding around a round field of view."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Padding is at least as dark as air, and the same in every voxel.
_PADDING_HU = -1000.0
_SAME_HU = 0.01
_AROUND = ndimage.generate_binary_structure(3, 1)
_AROUND[::2] = False


def view_edge(hu: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The voxels at the edge of what axial slices (z, y, x) show, and the padding outside of it.

    Padding is what reaches the border with the picture's lowest value, of -1000 HU or less.
    """
    lowest = hu.min()
    padding = np.zeros(hu.shape, bool)
    border = np.zeros(hu.shape, bool)
    border[:, [0, -1]], border[..., [0, -1]] = True, True
    if lowest <= _PADDING_HU:
        same = hu <= lowest + _SAME_HU
        padding = ndimage.binary_propagation(border & same, _AROUND, mask=same)
        # Block means at its rim are half padding.
        padding = ndimage.binary_dilation(padding, _AROUND)
    edge = (border | ndimage.binary_dilation(padding, _AROUND)) & ~padding
    return edge, padding
