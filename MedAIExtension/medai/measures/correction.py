"""What a hand changed of what a network found: how much, and how far the two overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError
from medai.measures.zones import ALL_ZONE_NAMES

_RIGHT, _LEFT, _UNSIDED = (1, 2, 3), (4, 5, 6), (7, 8, 9)


@dataclass(frozen=True)
class Correction:
    """A lesion mask corrected by hand, against the network's own.

    change_ml: lesion volume after less before; dice: overlap of the two, 1 when both are empty.
    right_…, left_…, unsided_…: of the voxels in that lung, the last of one whose side can't be
    told; nan for a lung that isn't in view. The totals count every voxel, also outside.
    """

    change_ml: float
    right_change_ml: float
    left_change_ml: float
    unsided_change_ml: float
    dice: float
    right_dice: float
    left_dice: float
    unsided_dice: float

    @property
    def sentence(self) -> str:
        """The difference in one sentence, with the lungs that are in view."""
        lungs = (
            ("right", self.right_change_ml, self.right_dice),
            ("left", self.left_change_ml, self.left_dice),
            ("lung of unknown side", self.unsided_change_ml, self.unsided_dice),
        )
        seen = [each for each in lungs if not math.isnan(each[2])]
        changes = ", ".join(f"{name} {change:+.1f}" for name, change, _ in seen)
        dices = ", ".join(f"{name} {dice:.2f}" for name, _, dice in seen)
        text = (
            f"Corrected by hand: {self.change_ml:+.1f} mL against the network's own"
            f"{f' ({changes})' if seen else ''}, Dice {self.dice:.2f}"
            f"{f' ({dices})' if seen else ''}."
        )
        return text.replace("-", "−")


@dataclass(frozen=True)
class EyeCorrection:
    """The masks of one eye's scans corrected by hand, against the network's own.

    scans: how many of its scans were changed. fraction_change: the eye's cataract fraction after
    less before, nan where one of them has none. lens_dice, cataract_dice: overlap of the masks over
    all scans, 1 when both are empty.
    """

    scans: int
    fraction_change: float
    lens_dice: float
    cataract_dice: float

    @property
    def sentence(self) -> str:
        """The difference in one sentence."""
        change = ""
        if not math.isnan(self.fraction_change):
            change = f"cataract fraction {self.fraction_change:+.2f} against the network's own, "
        text = (
            f"Corrected by hand in {self.scans} {'scan' if self.scans == 1 else 'scans'}: {change}"
            f"Dice of cataract {self.cataract_dice:.2f}, of lens {self.lens_dice:.2f}."
        )
        return text.replace("-", "−")


def dice(one: NDArray, other: NDArray) -> float:
    """Overlap of two masks of one shape: 2 |A and B| / (|A| + |B|), 1 when both are empty."""
    total = np.count_nonzero(one) + np.count_nonzero(other)
    both = np.count_nonzero((one != 0) & (other != 0))
    return float(2 * both / total) if total else 1.0


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
    lung = np.bincount(zones.ravel(), minlength=len(ALL_ZONE_NAMES))
    before, after, both = (
        np.bincount(zones[inside], minlength=len(ALL_ZONE_NAMES))
        for inside in (own != 0, corrected != 0, (own != 0) & (corrected != 0))
    )

    def compare(of: tuple[int, ...]) -> tuple[float, float]:
        if not sum(int(lung[k]) for k in of):
            return math.nan, math.nan
        change = voxel_volume_ml * sum(int(after[k]) - int(before[k]) for k in of)
        total = sum(int(before[k]) + int(after[k]) for k in of)
        shared = sum(int(both[k]) for k in of)
        return float(change), 2.0 * shared / total if total else 1.0

    every, right, left, unsided = map(
        compare, (tuple(range(len(ALL_ZONE_NAMES))), _RIGHT, _LEFT, _UNSIDED)
    )
    changes, dices = zip(every, right, left, unsided, strict=True)
    return Correction(*changes, *dices)
