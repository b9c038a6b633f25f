"""Lung zones: thirds of each lung's volume from top to bottom."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError
from medai.images.orientation import to_axial
from medai.images.volume import Volume

ZONE_NAMES = (
    "outside the lungs",
    "right upper",
    "right middle",
    "right lower",
    "left upper",
    "left middle",
    "left lower",
)
RIGHT_ZONES, LEFT_ZONES = ZONE_NAMES[1:4], ZONE_NAMES[4:]
# Of a lung whose side can't be told.
UNKNOWN_ZONES = ("upper, side unknown", "middle, side unknown", "lower, side unknown")
ALL_ZONE_NAMES = (*ZONE_NAMES, *UNKNOWN_ZONES)
# Lung zone -> 0 outside, 1 right lung, 2 left lung, 3 lung of unknown side.
LUNG_OF_ZONE = np.array([0, 1, 1, 1, 2, 2, 2, 3, 3, 3], np.uint8)


def lung_zones(lungs: NDArray[np.uint8], volume: Volume) -> NDArray[np.uint8]:
    """Zones of the lungs, uint8 (z, y, x) on ``volume``'s own grid; see ALL_ZONE_NAMES.

    lungs: uint8 (z, y, x) on ``volume``'s grid (an AxialVolume's too): 1 right, 2 left, 3 a
    lung of unknown side.
    1, 2, 3 are the right lung's upper, middle and lower third by volume along S, cut between axial
    slices; 4, 5, 6 the left lung's; 7, 8, 9 those of a lung of unknown side.
    Raises GeometryError when the shapes differ.
    """
    if lungs.shape != volume.grid_shape:
        raise GeometryError(
            f"{volume.name}: lungs of shape {lungs.shape}, expected {volume.grid_shape}."
        )
    axial = to_axial(dataclasses.replace(volume, array=lungs))
    counts = np.array([np.bincount(part.ravel(), minlength=4)[1:4] for part in axial.array])
    zones = np.zeros(lungs.shape, np.uint8)
    axial_zones = to_axial(dataclasses.replace(volume, array=zones)).array
    # Each slice goes where the middle of its share of the lung lies, counted from the top.
    totals = np.maximum(counts.sum(axis=0), 1)
    above = counts.sum(axis=0) - np.cumsum(counts, axis=0) + counts / 2
    third = np.minimum((3 * above / totals).astype(int), 2)
    for k, (right, left, unknown) in enumerate(third):
        of_label = np.array([0, 1 + right, 4 + left, 7 + unknown], np.uint8)
        axial_zones[k] = of_label[axial.array[k]]
    return zones
