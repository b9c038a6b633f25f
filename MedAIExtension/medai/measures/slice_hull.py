"""The convex outline of a mask, slice by slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError


def hull_depth(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.float32]:
    """How deep in mm each voxel lies inside its slice's convex hull of the mask; outside < 0."""
    depth = np.full(mask.shape, -np.inf, np.float32)
    _, y_mm, x_mm = spacing_mm
    y = np.arange(mask.shape[1], dtype=np.float32)[:, None] * np.float32(y_mm)
    x = np.arange(mask.shape[2], dtype=np.float32) * np.float32(x_mm)
    for k, plane in enumerate(mask):
        rows = np.flatnonzero(plane.any(axis=1))
        first = plane[rows].argmax(axis=1)
        last = mask.shape[2] - 1 - plane[rows, ::-1].argmax(axis=1)
        ends = np.column_stack([np.tile(rows, 2), np.concatenate([first, last])])
        try:
            hull = ConvexHull(ends * (y_mm, x_mm))
        except (QhullError, ValueError):
            continue  # Fewer than three points, or all on a line.
        normal_y, normal_x, offset = hull.equations.T.astype(np.float32)[..., None, None]
        depth[k] = -(normal_y * y + normal_x * x + offset).max(axis=0)
    return depth
