"""The slices of a study as a classifier sees them, and the way back into the study."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medai.images import AxialVolume, lung_window, to_axial
from medai.images.volume import Volume
from medai.inference.running.planes import PLANE_AXES, in_plane

# A slice counts when it shows at least this share of the lung area of the fullest slice.
LEAST_LUNG_SHARE = 0.2
MARGIN_MM = 10.0


@dataclass(frozen=True, eq=False)
class PlaneSlices:
    """Grey slices of one plane of a CT, cropped to the lungs.

    pictures: uint8 (n, rows, columns) in the usual display orientation.
    index: (n,) canonical index of each slice along the plane's own axis.
    """

    plane: str
    pictures: NDArray[np.uint8]
    index: NDArray[np.intp]
    box: tuple[slice, slice]
    pixel_mm: tuple[float, float]


def plane_slices(axial: AxialVolume, lungs: NDArray[np.uint8], plane: str) -> PlaneSlices:
    """The lung slices of ``plane``.

    lungs: (z, y, x) on the axial grid, non-zero inside. One box around both lungs with a margin
    of 10 mm crops every slice.
    """
    array, inside = in_plane(axial.array, plane), in_plane(lungs, plane) != 0
    spacing = tuple(axial.spacing_mm[axis] for axis in PLANE_AXES[plane])
    area = np.count_nonzero(inside, axis=(1, 2))
    index = np.flatnonzero(area >= max(1.0, LEAST_LUNG_SHARE * area.max()))
    box = tuple(
        _range_with_margin(inside.any(axis=other), MARGIN_MM / spacing[axis])
        for axis, other in ((1, (0, 2)), (2, (0, 1)))
    )
    pictures = lung_window(array[index][:, box[0], box[1]])
    return PlaneSlices(plane, pictures, index, (box[0], box[1]), (spacing[1], spacing[2]))


def place_axial(slices: PlaneSlices, maps: dict[int, NDArray], volume: Volume) -> NDArray:
    """Maps (rows, columns) by position in ``slices`` put back on the volume's own grid, float16.

    Raises nothing; positions without a map stay 0. For the axial plane only.
    """
    axial = to_axial(replace(volume, array=np.zeros(volume.grid_shape, np.float16)))
    for position, values in maps.items():
        axial.array[slices.index[position]][slices.box] = values
    return axial.restore(axial.array)


def _range_with_margin(inside: NDArray[np.bool_], margin: float) -> slice:
    where = np.flatnonzero(inside)
    extra = int(np.ceil(margin))
    return slice(max(0, int(where[0]) - extra), min(len(inside), int(where[-1]) + extra + 1))
