"""Lungs in a chest CT, without a network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.images.orientation import AxialVolume, to_axial
from medai.images.volume import Volume
from medai.measures.air_in_body import AIR_HU, MIN_LUNG_ML, MIN_PART, air_in_body
from medai.measures.airways import find_airways
from medai.measures.coarse_grid import CoarseGrid
from medai.measures.lung_sides import LEFT, RIGHT, UNKNOWN, find_landmarks, split_sides
from medai.measures.slice_hull import hull_depth
from medai.measures.view_edge import view_edge

_WORK_SPACING_MM = 2.5
_DENSE_HU = 130.0
_CLOSING_MM = 7.0
# A dense lesion on the pleura is bridged up and down over this length, this deep below the wall;
# and along the wall in each slice over a shorter gap, less deep (the liver lies there too).
_BRIDGE_MM = 80.0
_BRIDGE_DEPTH_MM = 35.0
_WALL_GAP_MM = 40.0
_WALL_DEPTH_MM = 15.0
_FAR_MM = 1e4
# How thick a body a single slice stands for: thick enough for lungs, thinner than they are high.
_ONE_SLICE_MM = 60.0
_MEDIASTINUM_MM = 48.0
_VERTEBRA_MM = 25.0
_FRAY_MM = 10.0
_HULL_SLACK_MM = 2.0
# Less lung than this at the edge of the slices, or at the first or last of them as a share of the
# largest, is a lung that ends there.
_CUT_CM2 = 5.0
_CUT_END = 0.4
_CUT_NOTE = "The lungs are cut by the image edge: percentages hold for the visible part only."


@dataclass(frozen=True, eq=False)
class LungMask:
    """The lungs in view.

    labels: uint8 (z, y, x) on the volume's own grid: 0 outside, 1 right lung, 2 left lung (the
        patient's own right and left), 3 a lung of which neither spine, trachea nor chest wall
        tells the side.
    note: what was found when it isn't two whole lungs, in one or more sentences, else "".
    """

    labels: NDArray[np.uint8]
    note: str = ""


def segment_lungs(volume: Volume) -> LungMask:
    """The lungs of a CT in HU, told into sides, with the vessels and dense lesions inside them.

    Air inside the body, without bowel gas, trachea and main bronchi; told into sides; closed, and
    bridged where tissue lies between lung and chest wall with lung above and below it, or on both
    sides along the wall, so that consolidations on the pleura stay inside. One that reaches the
    diaphragm or the mediastinum looks like them, and like fluid: it stays outside in part.
    Works on block means near 2.5 mm and comes back to every voxel. An image without lungs gives an
    empty mask and a note, never an error.
    """
    axial = to_axial(volume)
    if axial.grid_shape[0] == 1 and min(axial.grid_shape[1:]) > 1 and not axial.is_color:
        return _of_one_slice(axial)
    if axial.is_color or min(axial.grid_shape) < 2:
        return LungMask(np.zeros(volume.grid_shape, np.uint8), "No lungs found: not a CT volume.")
    grid = CoarseGrid(axial.array, axial.spacing_mm, _WORK_SPACING_MM)
    inner_air = air_in_body(grid)
    if not inner_air.any():
        return LungMask(np.zeros(volume.grid_shape, np.uint8), "No lungs in view.")
    airways = find_airways(grid.hu, inner_air, grid.spacing_mm)
    lungs = _without_specks(inner_air & ~airways)
    if np.count_nonzero(lungs) * grid.voxel_ml < MIN_LUNG_ML:
        return LungMask(np.zeros(volume.grid_shape, np.uint8), "No lungs in view.")
    landmarks = find_landmarks(grid.hu, lungs, airways, grid.spacing_mm)
    sides = split_sides(lungs, landmarks, grid.spacing_mm)
    closed = _closed(sides, airways, landmarks.spine, grid)
    labels = grid.refine(closed, AIR_HU)
    return LungMask(axial.restore(labels), _note(closed, grid))


def _of_one_slice(axial: AxialVolume) -> LungMask:
    """The lungs of a study of one slice: as if the body went on unchanged above and below it."""
    count = max(3, 2 * round(_ONE_SLICE_MM / axial.spacing_mm[0] / 2) + 1)
    matrix = np.array(axial.ijk_to_ras)
    thick = Volume(np.repeat(axial.array, count, axis=0), matrix, axial.modality, axial.name)
    found = segment_lungs(thick)
    middle = np.ascontiguousarray(found.labels[count // 2][None])
    return LungMask(axial.restore(middle), found.note)


def label_lungs(volume: Volume, mask: NDArray[np.bool_]) -> LungMask:
    """The lungs of a given mask, told into sides.

    volume: CT in HU. mask: (z, y, x) on its grid, with at least one voxel.
    """
    axial = to_axial(volume)
    inside = to_axial(replace(volume, array=mask)).array
    grid = CoarseGrid(axial.array, axial.spacing_mm, _WORK_SPACING_MM)
    coarse = grid.cover(inside)
    landmarks = find_landmarks(grid.hu, coarse, np.zeros_like(coarse), grid.spacing_mm)
    sides = split_sides(coarse, landmarks, grid.spacing_mm)
    labels = np.where(inside, grid.spread(sides), 0).astype(np.uint8)
    return LungMask(axial.restore(labels), _note(sides, grid))


def _without_specks(lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(lungs)
    if count == 0:
        return lungs
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= max(2, MIN_PART * sizes.max()))[labels]


def _closed(
    sides: NDArray[np.uint8],
    airways: NDArray[np.bool_],
    spine: tuple[float, float] | None,
    grid: CoarseGrid,
) -> NDArray[np.uint8]:
    """Each lung with the vessels and lesions inside it."""
    closed = np.zeros_like(sides)
    depth_mm = hull_depth(sides > 0, grid.spacing_mm)
    # Without the spine nobody knows where the mediastinum is: nothing is bridged.
    room = np.full(sides.shape, spine is not None)
    if spine is not None:
        room &= ~_mediastinum(sides.shape, spine, grid)
    # Neither gas nor bone nor blood with contrast agent lies inside a lesion.
    room = room & ((sides > 0) | ((grid.hu > AIR_HU) & (grid.hu < _DENSE_HU)))
    deep, flat = (room & (depth_mm < reach) for reach in (_BRIDGE_DEPTH_MM, _WALL_DEPTH_MM))
    length = round(_BRIDGE_MM / grid.spacing_mm[0])
    for side in np.unique(sides[sides > 0]):
        lung = _closing(sides == side, _CLOSING_MM, grid.spacing_mm)
        lesion = _bridge(lung, ~room, length) & deep
        lesion |= _closing(lung, _WALL_GAP_MM / 2, (_FAR_MM, *grid.spacing_mm[1:])) & flat
        lesion &= ~lung
        if lesion.any():
            # Out to the pleura, where the chest is wider than above and below.
            box = _box(lesion, _FRAY_MM, grid.spacing_mm)
            away_mm = ndimage.distance_transform_edt(~lesion[box], sampling=grid.spacing_mm)
            depth_mm = hull_depth((lung | lesion)[box[0]], grid.spacing_mm)[:, box[1], box[2]]
            lesion[box] |= (away_mm < _FRAY_MM) & deep[box] & (depth_mm > -_HULL_SLACK_MM)
        lung |= lesion
        box = _box(lung, 0.0, grid.spacing_mm)
        filled = ndimage.binary_fill_holes(lung[box])
        closed[box][filled & (closed[box] == 0) & np.isin(sides[box], (0, side))] = side
    closed[airways & (sides == 0)] = 0
    return closed


def _mediastinum(
    shape: tuple[int, ...], spine: tuple[float, float], grid: CoarseGrid
) -> NDArray[np.bool_]:
    """The part in front of the spine, where tissue is heart and vessels rather than a lesion."""
    _, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    row, column = spine
    beside = np.abs(x - column) * grid.spacing_mm[2] < _MEDIASTINUM_MM
    return beside & ((row - y) * grid.spacing_mm[1] > _VERTEBRA_MM)


def _bridge(lung: NDArray[np.bool_], barrier: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """What lies between lung above and lung below, at most ``length`` slices apart."""
    far = 10_000
    below = np.empty(lung.shape, np.int16)
    distance = np.full(lung.shape[1:], far, np.int16)
    for k, plane in enumerate(lung):
        distance = np.where(plane, 0, np.where(barrier[k], far, np.minimum(distance + 1, far)))
        below[k] = distance
    bridge = np.empty(lung.shape, bool)
    distance = np.full(lung.shape[1:], far, np.int16)
    for k in range(len(lung) - 1, -1, -1):
        distance = np.where(lung[k], 0, np.where(barrier[k], far, np.minimum(distance + 1, far)))
        bridge[k] = below[k] + distance <= length
    return bridge


def _box(
    mask: NDArray[np.bool_], margin_mm: float, spacing_mm: tuple[float, ...]
) -> tuple[slice, slice, slice]:
    """The part of the grid that holds the mask and ``margin_mm`` around it; empty for no mask."""
    found = ndimage.find_objects(mask.view(np.uint8), 1)[0] or (slice(0, 0),) * 3
    margins = (int(np.ceil(margin_mm / mm)) for mm in spacing_mm)
    z, y, x = (
        slice(max(0, part.start - margin), part.stop + margin)
        for part, margin in zip(found, margins, strict=True)
    )
    return z, y, x


def _closing(
    mask: NDArray[np.bool_], radius_mm: float, spacing_mm: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Closing with a ball; with a disk in each slice when the slices are _FAR_MM apart."""
    if not mask.any():
        return mask.copy()
    box = _box(mask, 0.0, spacing_mm)
    margin = [(int(np.ceil(radius_mm / mm)) + 1,) * 2 for mm in spacing_mm]
    padded = np.pad(mask[box], margin)
    grown = ndimage.distance_transform_edt(~padded, sampling=spacing_mm) <= radius_mm
    shrunk = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > radius_mm
    inner = tuple(
        slice(low, size - high) for (low, high), size in zip(margin, shrunk.shape, strict=True)
    )
    closed = mask.copy()
    closed[box] |= shrunk[inner]
    return closed


def _note(lungs: NDArray[np.uint8], grid: CoarseGrid) -> str:
    sizes = np.bincount(lungs.ravel(), minlength=4)
    notes = []
    if sizes[UNKNOWN]:
        notes.append("One lung is in view; its side is unknown: no spine, trachea or chest wall.")
    elif sizes[[RIGHT, LEFT]].min() < 0.02 * sizes[[RIGHT, LEFT]].max():
        notes.append(
            f"Only the {'right' if sizes[RIGHT] > sizes[LEFT] else 'left'} lung is in view."
        )
    if _is_cut(lungs > 0, grid):
        notes.append(_CUT_NOTE)
    return " ".join(notes)


def _is_cut(lungs: NDArray[np.bool_], grid: CoarseGrid) -> bool:
    """Whether the edge of the picture is part of the lungs' surface."""
    z, y, x = (mm / 10.0 for mm in grid.spacing_mm)
    edge, _ = view_edge(grid.hu)
    area = lungs.sum(axis=(1, 2))
    at_ends = max(area[0], area[-1]) >= _CUT_END * area.max()
    return bool(at_ends or np.count_nonzero(lungs & edge) * z * (y + x) / 2 >= _CUT_CM2)
