"""Does an image hold Hounsfield units, and is it a CT study at all?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.errors import UnsuitableImageError
from medai.images.volume import Volume

_AIR_HU = -500
_LOWEST_HU = -4096
_HIGHEST_HU = 32767
_MIN_AIR_SHARE = 0.01
_MIN_TISSUE_SHARE = 0.01
_MIN_SLICES = 3
_MIN_PIXELS = 16


def holds_hounsfield_units(array: NDArray) -> bool:
    """Whether a grey (z, y, x) array without a stated modality clearly is CT.

    True when at least 1 % of the voxels are air or lung (-4096..-500), at least 1 % are tissue
    (-200..300) and none is above 32767. Padding below -4096 doesn't count. MR, PET, OCT and
    pictures have no such negative values. A quarter of the voxels along each axis is looked at.
    """
    if array.ndim != 3 or array.dtype.kind == "u":
        return False
    sample = array[tuple(slice(None, None, 4 if size >= 64 else 1) for size in array.shape)]
    air = np.count_nonzero((sample >= _LOWEST_HU) & (sample <= _AIR_HU))
    tissue = np.count_nonzero((sample >= -200) & (sample <= 300))
    return bool(
        air >= _MIN_AIR_SHARE * sample.size
        and tissue >= _MIN_TISSUE_SHARE * sample.size
        and sample.max() <= _HIGHEST_HU
    )


def require_ct_study(volume: Volume) -> None:
    """Raise UnsuitableImageError, in one line, unless ``volume`` can be a CT study in HU."""
    smallest, middle, _ = sorted(volume.grid_shape)
    sizes = "×".join(str(size) for size in volume.grid_shape[::-1])
    if volume.is_color:
        problem = "a color image"
    elif smallest < _MIN_SLICES or middle < _MIN_PIXELS:
        problem = f"{sizes} voxels"
    elif not volume.has_spacing:
        problem = "no spacing in mm"
    elif volume.modality not in ("CT", ""):
        problem = f"modality {volume.modality}"
    elif volume.array.min() == volume.array.max():
        problem = f"the same value {volume.array.min()} everywhere"
    elif volume.modality != "CT" and not holds_hounsfield_units(volume.array):
        problem = f"values {volume.array.min()}..{volume.array.max()} that aren't Hounsfield units"
    else:
        return
    raise UnsuitableImageError(
        f"{volume.name}: {problem}, expected a CT study in Hounsfield units "
        f"with at least {_MIN_SLICES} slices."
    )
