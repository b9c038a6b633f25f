"""What a hand changed of what a network found: volumes and overlap, for both lungs and each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError
from medai.measures.zones import ALL_ZONE_NAMES

_RIGHT, _LEFT = (1, 2, 3), (4, 5, 6)


@dataclass(frozen=True)
class Correction:
    """A lesion mask corrected by hand, against the network's own.

    change_ml: lesion volume after less before; dice: overlap of the two, 1 when both are empty.
    right_…, left_…: of the voxels in that lung. The totals count every voxel, also outside.
    """

    change_ml: float
    right_change_ml: float
    left_change_ml: float
    dice: float
    right_dice: float
    left_dice: float

    @property
    def sentence(self) -> str:
        """The difference in one sentence."""
        text = (
            f"Corrected by hand: {self.change_ml:+.1f} mL against the network's own "
            f"(right {self.right_change_ml:+.1f}, left {self.left_change_ml:+.1f}), "
            f"Dice {self.dice:.2f} (right {self.right_dice:.2f}, left {self.left_dice:.2f})."
        )
        return text.replace("-", "−")


def compare_with_own(
    own: NDArray, corrected: NDArray, zones: NDArray[np.uint8], voxel_volume_ml: float
) -> Correction:
    """What the correction changed.

    own, corrected: (z, y, x), non-zero inside lesions. zones: (z, y, x), see ALL_ZONE_NAMES.
    Raises GeometryError when the shapes differ.
    """
    if not own.shape == corrected.shape == zones.shape:
        raise GeometryError(
            f"Masks of shape {own.shape} and {corrected.shape}, zones of {zones.shape}: expected "
            "one grid."
        )
    before, after, both = (
        np.bincount(zones[inside], minlength=len(ALL_ZONE_NAMES))
        for inside in (own != 0, corrected != 0, (own != 0) & (corrected != 0))
    )
    every = range(len(ALL_ZONE_NAMES))

    def change(of: tuple[int, ...] | range) -> float:
        return float(voxel_volume_ml * sum(int(after[k]) - int(before[k]) for k in of))

    def dice(of: tuple[int, ...] | range) -> float:
        total = sum(int(before[k]) + int(after[k]) for k in of)
        return 2.0 * sum(int(both[k]) for k in of) / total if total else 1.0

    return Correction(
        change(every), change(_RIGHT), change(_LEFT), dice(every), dice(_RIGHT), dice(_LEFT)
    )
