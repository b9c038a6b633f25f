"""Measures of a frontal chest radiograph: two lungs, six zones, opacity and its scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import InputError, UnsuitableImageError

RIGHT, LEFT = 1, 2
# Six zones as published (Borghesi and Maroldi, Radiol med 2020;125:509): A, B, C of the right
# lung from the apex down, D, E, F of the left.
ZONES = "ABCDEF"
GROUND_GLASS, CONSOLIDATION = 1, 2
# Less than this share of a lung, in percent, is no opacity: a network's crumbs.
LEAST_OPACITY_PERCENT = 1.0
# From these shares of a lung on, in percent, it counts as consolidated, and as white.
_CONSOLIDATED_PERCENT, _WHITE_PERCENT = 5.0, 90.0
_LEAST_LUNG_SHARE = 0.01  # of the picture
_LEAST_LUNGS_SHARE = 0.03
# The smaller lung's least share of the larger one; less is a part of a lung cut off.
_SECOND_LUNG = 0.3


@dataclass(frozen=True)
class SideMeasure:
    """One lung.

    opacity_percent, consolidation_percent: of its area; nan where it is not in view. extent: 0
    none, 1 under 25 %, 2 to 50 %, 3 to 75 %, 4 above (Wong et al., Radiology 2020). opacity: 0
    none, 1 ground glass, 2 consolidation, 3 white (Cohen et al., Cureus 2020; a reader judges the
    kind, here it follows from the share of the lung that is consolidated).
    """

    area_px: int
    opacity_percent: float
    consolidation_percent: float
    extent: int | None
    opacity: int | None


@dataclass(frozen=True)
class RadiographMeasure:
    """Both lungs, and each zone's opacity in percent (nan where it is not in view), A to F."""

    right: SideMeasure
    left: SideMeasure
    opacity_percent: float
    zone_opacity_percent: tuple[float, ...]

    @property
    def extent(self) -> int | None:
        """0 to 8; None where a lung is not in view."""
        return _sum(self.right.extent, self.left.extent)

    @property
    def opacity(self) -> int | None:
        """0 to 6; None where a lung is not in view."""
        return _sum(self.right.opacity, self.left.opacity)


def two_lungs(found: NDArray[np.bool_], name: str) -> NDArray[np.uint8]:
    """Which lung each pixel of a lung mask (y, x) is of: 1 right, on the picture's left, 2 left.

    Holes are filled and crumbs left out. Where both lungs hang together they are cut between them.
    Raises UnsuitableImageError where too little is found to be lungs, or one lies above the other,
    as in a film that lies on its side.
    """
    filled = ndimage.binary_fill_holes(found)
    parts, count = ndimage.label(filled)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    order = [part for part in np.argsort(-sizes) if sizes[part] >= _LEAST_LUNG_SHARE * found.size]
    if sum(sizes[part] for part in order) < _LEAST_LUNGS_SHARE * found.size:
        raise UnsuitableImageError(f"{name}: no lungs are seen, expected a frontal chest X-ray.")
    _require_side_by_side([parts == part for part in order[:2]], name)
    kept = np.isin(parts, order)
    middle = _middle_column(kept)
    columns = np.arange(found.shape[1])
    sides = np.where(columns < middle, RIGHT, LEFT).astype(np.uint8)
    lungs = np.where(kept, sides[None], 0).astype(np.uint8)
    # A part is of one lung unless it reaches far over the middle.
    for part in order:
        inside = parts == part
        right = np.count_nonzero(inside[:, : int(middle)])
        share = right / sizes[part]
        if share > 0.8 or share < 0.2:
            lungs[inside] = RIGHT if share > 0.5 else LEFT
    return lungs


def _middle_column(kept: NDArray[np.bool_]) -> float:
    """The column between the lungs: the emptiest one about the middle of what is seen."""
    columns = np.flatnonzero(kept.any(axis=0))
    first, last = int(columns[0]), int(columns[-1])
    width = last - first + 1
    low, high = first + round(0.3 * width), first + round(0.7 * width) + 1
    filled = ndimage.uniform_filter1d(kept.sum(axis=0).astype(float), max(1, width // 20))
    inside = filled[low:high]
    lowest = np.flatnonzero(inside <= inside.min() + 1e-9)
    if inside.min() > 0.6 * filled.max():
        # No gap: one lung fills what is seen, so the picture's own middle tells the side.
        return kept.shape[1] / 2
    return float(low + lowest.mean() + 0.5)


def _require_side_by_side(parts: Sequence[NDArray[np.bool_]], name: str) -> None:
    """Refuse two lungs of which one lies above the other."""
    if len(parts) < 2 or parts[1].sum() < _SECOND_LUNG * parts[0].sum():
        return
    down, across = np.abs(np.subtract(*(np.argwhere(part).mean(axis=0) for part in parts[:2])))
    if down > across:
        raise UnsuitableImageError(
            f"{name}: the lungs lie one above the other, expected an upright chest X-ray; turn it."
        )


def six_zones(lungs: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Zone of each pixel of two lungs (y, x): 1 to 6 for A to F, 0 outside.

    Each lung is cut into three of equal height. The published landmarks (lower edge of the aortic
    arch, lower pulmonary vein) are not seen by a lung mask; thirds stand in for them.
    """
    zones = np.zeros(lungs.shape, np.uint8)
    for first, side in ((1, RIGHT), (4, LEFT)):
        rows = np.flatnonzero((lungs == side).any(axis=1))
        if len(rows) == 0:
            continue
        top, height = rows[0], rows[-1] - rows[0] + 1
        third = np.clip((np.arange(lungs.shape[0]) - top) * 3 // height, 0, 2)
        zones += ((lungs == side) * (first + third)[:, None]).astype(np.uint8)
    return zones


def measure_radiograph(
    lungs: NDArray[np.integer], opacities: NDArray[np.integer], zones: NDArray[np.integer]
) -> RadiographMeasure:
    """Measure opacities (1 ground-glass, 2 consolidation) inside lungs (1 right, 2 left), (y, x).

    Raises InputError where the shapes differ.
    """
    if not lungs.shape == opacities.shape == zones.shape:
        raise InputError(
            f"Lungs {lungs.shape}, opacities {opacities.shape} and zones {zones.shape} differ in "
            "shape, expected one (rows, columns)."
        )
    zone_percent = tuple(
        _percent((opacities > 0) & (zones == number), zones == number) for number in range(1, 7)
    )
    return RadiographMeasure(
        right=_side(lungs == RIGHT, opacities),
        left=_side(lungs == LEFT, opacities),
        opacity_percent=_percent((opacities > 0) & (lungs > 0), lungs > 0),
        zone_opacity_percent=zone_percent,
    )


def _side(lung: NDArray[np.bool_], opacities: NDArray[np.integer]) -> SideMeasure:
    percent = _percent((opacities > 0) & lung, lung)
    solid = _percent((opacities == CONSOLIDATION) & lung, lung)
    return SideMeasure(
        int(np.count_nonzero(lung)), percent, solid, extent_score(percent), _degree(percent, solid)
    )


def extent_score(percent: float) -> int | None:
    """0 to 4 for a lung of which ``percent`` is opaque; None for nan."""
    if math.isnan(percent):
        return None
    if percent < LEAST_OPACITY_PERCENT:
        return 0
    return 1 if percent < 25 else 2 if percent <= 50 else 3 if percent <= 75 else 4


def _degree(percent: float, solid_percent: float) -> int | None:
    if math.isnan(percent):
        return None
    if percent < LEAST_OPACITY_PERCENT:
        return 0
    if solid_percent >= _WHITE_PERCENT:
        return 3
    return 2 if solid_percent >= _CONSOLIDATED_PERCENT else 1


def _percent(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    area = int(np.count_nonzero(whole))
    return 100.0 * int(np.count_nonzero(part)) / area if area else math.nan


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
