"""A chest CT as large as those of hospitals, made in no time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medai.images import Volume
from medai.phantoms import chest_ct


def large_chest(shape: tuple[int, int, int]) -> Volume:
    """A small phantom with every voxel made several; sizes are multiples of 20 and 128."""
    small = chest_ct(shape=(20, 128, 128), spacing_mm=(15.0, 2.8, 2.8), seed=1).volume
    array = small.array.astype(np.int16)
    matrix = small.ijk_to_ras.copy()
    for axis, size in enumerate(shape):
        times = size // array.shape[axis]
        array = array.repeat(times, axis=axis)
        matrix[:3, 2 - axis] /= times
    return replace(small, array=array, ijk_to_ras=matrix)
