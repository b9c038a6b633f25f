"""The slices of a study as a COVID-19 classifier sees them, and the way back into the study."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.images import AxialVolume, to_axial
from medai.images.volume import Volume
from medai.inference.running.lung_slices import LungSlices, lung_slices

# A slice counts when it shows at least this share of the lung area of the fullest slice.
LEAST_LUNG_SHARE = 0.2
MARGIN_MM = 10.0


def plane_slices(axial: AxialVolume, lungs: NDArray[np.uint8], plane: str) -> LungSlices:
    """The lung slices of ``plane``, all cropped to one box around both lungs.

    lungs: (z, y, x) on the axial grid, non-zero inside.
    """
    return lung_slices(axial, lungs, plane, least_area_share=LEAST_LUNG_SHARE, margin_mm=MARGIN_MM)


def place_axial(slices: LungSlices, maps: dict[int, NDArray], volume: Volume) -> NDArray:
    """Maps (rows, columns) by position in ``slices`` put back on the volume's own grid, float16.

    Positions without a map stay 0. For the axial plane only.
    """
    axial = to_axial(volume)
    placed = np.zeros(axial.grid_shape, np.float16)
    for position, values in maps.items():
        placed[slices.place(position)] = values
    return np.ascontiguousarray(axial.restore(placed))
