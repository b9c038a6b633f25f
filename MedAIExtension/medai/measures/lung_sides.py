"""Which part of the lungs is the patient's right, which the left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

RIGHT, LEFT, UNKNOWN = 1, 2, 3
_BONE_HU = 200.0
_TISSUE_HU = -200.0
_SPINE_WIDTH_MM = 35.0
# Vertebrae fill a fifth of such a square on average, and some of it at most heights; ribs do not.
_SPINE_FILL = 0.2
_SPINE_SLICE_FILL = 0.15
_SPINE_HEIGHT = 0.6
# The trachea stands beside a lung, or at its inner border.
_INNER_BORDER = 0.25
# Room air is seen beyond the chest wall, in this share of the lung's rows or in hardly any.
_OPEN, _SHUT = 0.3, 0.05
_ROOM_MM = 10.0
# A part smaller than this share of the largest isn't a lung of its own.
_LUNG_SHARE = 0.12
# Lungs lie beside each other: their middles at least this share of their common width apart.
_BESIDE = 0.3
_ERODE_UP_TO_MM = 14.0


@dataclass(frozen=True)
class Landmarks:
    """What tells right from left, as far as it is in view; columns run toward the patient's left.

    spine: its row and column. trachea: its column. room: the side, RIGHT or LEFT, on which the
    room is seen beyond the chest wall, when it is seen on that side alone.
    """

    spine: tuple[float, float] | None = None
    trachea: float | None = None
    room: int | None = None


def find_landmarks(
    hu: NDArray[np.float32],
    lungs: NDArray[np.bool_],
    airways: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
) -> Landmarks:
    """The landmarks in view around ``lungs``, on the canonical coarse grid (z, y, x)."""
    spine = _spine(hu, spacing_mm)
    if spine is not None:
        return Landmarks(spine)
    return Landmarks(None, _trachea(airways, lungs), _room_side(hu, lungs, spacing_mm))


def split_sides(
    lungs: NDArray[np.bool_], landmarks: Landmarks, spacing_mm: tuple[float, ...]
) -> NDArray[np.uint8]:
    """1 on the patient's right, 2 on the left, 3 where the side can't be told (z, y, x).

    Parts that don't touch are told apart by their place beside the spine or each other; lungs that
    touch are cut where they are thinnest. One lung stays one lung: its side follows from spine,
    trachea or chest wall, whichever is in view.
    """
    labels, count = ndimage.label(lungs)
    sides = np.zeros(lungs.shape, np.uint8)
    if count == 0:
        return sides
    sizes = np.bincount(labels.ravel())[1:]
    large = [k for k in np.argsort(-sizes) + 1 if sizes[k - 1] >= _LUNG_SHARE * sizes.max()]
    parts = [labels == k for k in large]
    if landmarks.spine is None:
        _place_without_spine(parts, sides, landmarks, spacing_mm)
    else:
        _place_by_spine(parts, sides, landmarks.spine[1], spacing_mm)
    rest = lungs & (sides == 0)
    if rest.any():
        sides[rest] = _nearest(sides, spacing_mm)[rest]
    return sides


def _spine(hu: NDArray[np.float32], spacing_mm: tuple[float, ...]) -> tuple[float, float] | None:
    """Row and column (y, x) of the spine: most bone in the body's posterior half, at most heights.

    None when there is none in view.
    """
    rows = np.flatnonzero((hu > _TISSUE_HU).any(axis=(0, 2)))
    back = int(np.median(rows)) if len(rows) else 0
    size = [max(1, round(_SPINE_WIDTH_MM / mm)) for mm in spacing_mm[1:]]
    fill = np.zeros(hu.shape[1:], np.float32)
    tall = np.zeros(hu.shape[1:], np.float32)
    for plane in hu:
        bone = (plane > _BONE_HU).astype(np.float32)
        bone[:back] = 0
        here = ndimage.uniform_filter(bone, size, mode="constant")
        fill += here / len(hu)
        tall += (here >= _SPINE_SLICE_FILL) / len(hu)
    row, column = np.unravel_index(np.argmax(fill), fill.shape)
    if fill[row, column] < _SPINE_FILL or tall[row, column] < _SPINE_HEIGHT:
        return None
    return float(row), float(column)


def _trachea(airways: NDArray[np.bool_], lungs: NDArray[np.bool_]) -> float | None:
    """Column of the trachea, None when there is none or it lies amid what should be one lung."""
    if not airways.any():
        return None
    heights = np.flatnonzero(airways.any(axis=(1, 2)))
    upper = airways[heights[len(heights) // 2] :]
    column = _column(upper)
    columns = np.flatnonzero(lungs.any(axis=(0, 1)))
    place = (column - columns[0]) / max(1, np.ptp(columns))
    return column if min(place, 1.0 - place) < _INNER_BORDER else None


def _room_side(
    hu: NDArray[np.float32], lungs: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> int | None:
    """The one side on which room air is seen beyond the tissue beside the lungs."""
    width = max(1, round(_ROOM_MM / spacing_mm[2]))
    rows = lungs.any(axis=2)
    outside = np.asarray(hu < _TISSUE_HU)
    seen = {}
    for side, columns in ((RIGHT, slice(0, width)), (LEFT, slice(-width, None))):
        shut = lungs[..., columns].any(axis=2)
        at_border = np.asarray(outside[..., columns].all(axis=2) & ~shut)
        seen[side] = float(at_border[rows].mean()) if rows.any() else 0.0
    for side, other in ((RIGHT, LEFT), (LEFT, RIGHT)):
        if seen[side] >= _OPEN and seen[other] <= _SHUT:
            return side
    return None


def _place_by_spine(
    parts: list[NDArray[np.bool_]],
    sides: NDArray[np.uint8],
    spine: float,
    spacing_mm: tuple[float, ...],
) -> None:
    for part in parts:
        if len(parts) == 1 and _LUNG_SHARE < _share_right(part, spine) < 1 - _LUNG_SHARE:
            sides[part] = _cut(part, spine, spacing_mm)[part]
        else:
            sides[part] = RIGHT if _column(part) < spine else LEFT
    # Both on one side of what was taken for the spine: beside each other all the same?
    if len(parts) >= 2 and len({int(sides[part].max()) for part in parts[:2]}) == 1:
        _place_beside(parts[:2], sides)


def _place_without_spine(
    parts: list[NDArray[np.bool_]],
    sides: NDArray[np.uint8],
    landmarks: Landmarks,
    spacing_mm: tuple[float, ...],
) -> None:
    if len(parts) >= 2 and _place_beside(parts[:2], sides):
        return
    if len(parts) == 1:
        seeds = _eroded_apart(parts[0], None, spacing_mm)
        if seeds is not None:
            sides[parts[0]] = _nearest(seeds, spacing_mm)[parts[0]]
            return
    one_lung = np.logical_or.reduce(parts)
    if landmarks.trachea is not None:
        sides[one_lung] = RIGHT if _column(one_lung) < landmarks.trachea else LEFT
    elif landmarks.room is not None:
        # The room lies beyond the outer wall of the chest.
        sides[one_lung] = landmarks.room
    else:
        sides[one_lung] = UNKNOWN


def _place_beside(parts: list[NDArray[np.bool_]], sides: NDArray[np.uint8]) -> bool:
    """Call two parts right and left if they lie beside each other; whether they do."""
    first, second = sorted(parts, key=_column)
    if not _beside(first, second):
        return False
    sides[first], sides[second] = RIGHT, LEFT
    return True


def _beside(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    """Whether two parts lie beside each other rather than above or before one another."""
    apart = abs(_column(first) - _column(second))
    width = np.ptp(np.flatnonzero((first | second).any(axis=(0, 1))))
    heights = [part.any(axis=(1, 2)) for part in (first, second)]
    shared = np.count_nonzero(heights[0] & heights[1])
    return bool(apart > _BESIDE * width and 2 * shared > min(map(np.count_nonzero, heights)))


def _column(part: NDArray[np.bool_]) -> float:
    weight = part.sum(axis=(0, 1))
    return float(np.average(np.arange(len(weight)), weights=weight))


def _share_right(part: NDArray[np.bool_], spine: float) -> float:
    weight = part.sum(axis=(0, 1))
    return float(weight[: round(spine)].sum() / weight.sum())


def _cut(
    lungs: NDArray[np.bool_], spine: float, spacing_mm: tuple[float, ...]
) -> NDArray[np.uint8]:
    """Both lungs of one part: eroded until they part, then grown back to the nearest."""
    seeds = _eroded_apart(lungs, spine, spacing_mm)
    if seeds is None:
        seeds = np.full(lungs.shape, LEFT, np.uint8)
        seeds[..., : round(spine)] = RIGHT
        return np.where(lungs, seeds, 0)
    return np.where(lungs, _nearest(seeds, spacing_mm), 0)


def _eroded_apart(
    lungs: NDArray[np.bool_], spine: float | None, spacing_mm: tuple[float, ...]
) -> NDArray[np.uint8] | None:
    """Inner parts of both lungs, on either side of the spine or beside each other; None if one."""
    depth = ndimage.distance_transform_edt(lungs, sampling=spacing_mm)
    step = min(spacing_mm)
    for erosion_mm in np.arange(step, _ERODE_UP_TO_MM, step):
        labels, count = ndimage.label(depth > erosion_mm)
        if count < 2:
            continue
        sizes = np.bincount(labels.ravel())[1:]
        first, second = np.argsort(-sizes)[:2] + 1
        if sizes[second - 1] < _LUNG_SHARE * sizes[first - 1]:
            continue
        right, left = sorted((labels == first, labels == second), key=_column)
        if spine is None:
            apart = _beside(right, left)
        else:
            apart = _share_right(right, spine) > 0.5 >= _share_right(left, spine)
        if apart:
            seeds = np.zeros(lungs.shape, np.uint8)
            seeds[right], seeds[left] = RIGHT, LEFT
            return seeds
    return None


def _nearest(labels: NDArray[np.uint8], spacing_mm: tuple[float, ...]) -> NDArray[np.uint8]:
    """Every voxel's nearest label."""
    nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    return np.asarray(labels[tuple(nearest)])
