"""A coarser grid to think on, and the way back to every voxel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.images.interpolation import linear_weights

# Slices thicker than this many pixels say nothing about their neighbors' outline.
_THICK = 3.0
# Slices worked on at once, so that no full-size float copy stands in memory.
_SLAB = 8


class CoarseGrid:
    """Block means of a CT on the canonical grid.

    hu: float32 (z, y, x), each voxel the mean of a block of the study's.
    spacing_mm: of ``hu``, (z, y, x).
    """

    def __init__(
        self, array: NDArray, spacing_mm: tuple[float, float, float], target_mm: float
    ) -> None:
        self._array = array
        self._steps = tuple(max(1, round(target_mm / mm)) for mm in spacing_mm)
        self.spacing_mm = tuple(step * mm for step, mm in zip(self._steps, spacing_mm, strict=True))
        self.hu = _block_means(array, self._steps)

    @property
    def voxel_ml(self) -> float:
        """Volume of a coarse voxel in mL."""
        return math.prod(self.spacing_mm) / 1000.0

    def cover(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The coarse voxels that a mask of the fine grid fills by half, or else touches."""
        share = _block_means(mask.view(np.uint8), self._steps)
        half = share >= 0.5
        return half if half.any() else share > 0

    def spread(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """For each fine voxel the label of the coarse one around it, or of the nearest labelled."""
        nearest = ndimage.distance_transform_edt(
            labels == 0, sampling=self.spacing_mm, return_distances=False, return_indices=True
        )
        fine = labels[tuple(nearest)]
        for axis, (step, size) in enumerate(zip(self._steps, self._array.shape, strict=True)):
            fine = fine.repeat(step, axis=axis).take(np.arange(size), axis=axis)
        return fine

    def refine(self, labels: NDArray[np.uint8], air_hu: float) -> NDArray[np.uint8]:
        """Labels 1 to 3 of the coarse grid on the fine one.

        Their outline is interpolated; within half a coarse voxel of it, what is air (below
        ``air_hu``) comes in and what is not goes out.
        """
        shape = self._array.shape
        fine = np.zeros(shape, np.uint8)
        for label, box in enumerate(ndimage.find_objects(labels, 3), start=1):
            if box is None:
                continue
            inside = np.pad((labels[box] == label).astype(np.float32), 1)
            corner = [part.start - 1 for part in box]
            target = tuple(
                slice(max(0, start * step), min(size, (start + n) * step))
                for start, n, step, size in zip(
                    corner, inside.shape, self._steps, shape, strict=True
                )
            )
            # The middle of coarse voxel k lies at (k + 1/2) steps.
            along, down, across = (
                linear_weights((np.arange(part.start, part.stop) + 0.5) / step - 0.5 - start, count)
                for part, step, start, count in zip(
                    target, self._steps, corner, inside.shape, strict=True
                )
            )
            flat = down @ inside @ across.T
            for first in range(0, len(along), _SLAB):
                weights = along[first : first + _SLAB]
                used = np.flatnonzero(weights.any(axis=0))
                share = np.tensordot(
                    weights[:, used[0] : used[-1] + 1], flat[used[0] : used[-1] + 1], axes=1
                )
                here = (
                    slice(target[0].start + first, target[0].start + first + len(weights)),
                    *target[1:],
                )
                air = self._array[here] < air_hu
                part = np.where(air, share > 0.3, share > 0.6)
                fine[here][part & (fine[here] == 0)] = label
        return fine


def neighbors(spacing_mm: tuple[float, ...]) -> NDArray[np.bool_]:
    """The neighborhood (3, 3, 3) to open and grow masks by: in the slice where it is thick."""
    around = ndimage.generate_binary_structure(3, 1)
    if spacing_mm[0] > _THICK * max(spacing_mm[1:]):
        around[::2] = False
    return around


def _block_means(array: NDArray, steps: tuple[int, ...]) -> NDArray[np.float32]:
    """Means over blocks; the last block of an axis may be smaller."""
    z_step, y_step, x_step = steps
    rows, columns = np.arange(0, array.shape[1], y_step), np.arange(0, array.shape[2], x_step)
    counts = np.add.reduceat(np.ones(array.shape[1]), rows)[:, None] * np.add.reduceat(
        np.ones(array.shape[2]), columns
    )
    means = np.empty((-(-array.shape[0] // z_step), len(rows), len(columns)), np.float32)
    kind = np.int32 if array.dtype.kind in "iub" else np.float64
    for k in range(len(means)):
        block = array[k * z_step : (k + 1) * z_step]
        total = block.sum(axis=0, dtype=kind)
        total = np.add.reduceat(np.add.reduceat(total, rows, axis=0), columns, axis=1)
        means[k] = total / (counts * len(block))
    return means
