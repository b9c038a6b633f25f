"""Lungs in a chest CT, without a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from medai.images.orientation import to_axial
from medai.images.volume import Volume
from medai.measures.airways import find_airways
from medai.measures.coarse_grid import CoarseGrid
from medai.measures.lung_sides import LEFT, RIGHT, spine_place, split_sides

_WORK_SPACING_MM = 2.5
_AIR_HU = -400.0
_DENSE_HU = 130.0
# Room air and padding are darker than any lung's mean; so is most of the gas in a bowel.
_ROOM_AIR_HU = -930.0
_GAS_HU = -955.0
_GAS_SHARE = 0.4
_MIN_LUNG_ML = 15.0
_MIN_PART = 0.01
_SOLID = 0.3
_ENCLOSED = 0.6
_OUTSIDE = 0.2
_CLOSING_MM = 7.0
# A dense lesion on the pleura is bridged up and down over this length, this deep below the wall;
# and along the wall in each slice over a shorter gap, less deep (the liver lies there too).
_BRIDGE_MM = 80.0
_BRIDGE_DEPTH_MM = 35.0
_WALL_GAP_MM = 40.0
_WALL_DEPTH_MM = 15.0
_FAR_MM = 1e4
_MEDIASTINUM_MM = 48.0
_VERTEBRA_MM = 25.0
_FRAY_MM = 10.0
_HULL_SLACK_MM = 2.0
_NEIGHBORS = ndimage.generate_binary_structure(3, 1)
_IN_PLANE = _NEIGHBORS & np.array([False, True, False])[:, None, None]


@dataclass(frozen=True, eq=False)
class LungMask:
    """Both lungs.

    labels: uint8 (z, y, x) on the volume's own grid: 0 outside, 1 right lung, 2 left lung (the
        patient's own right and left).
    note: a sentence on what was found when it isn't two ordinary lungs, else "".
    """

    labels: NDArray[np.uint8]
    note: str = ""


def segment_lungs(volume: Volume) -> LungMask:
    """Right and left lung of a CT in HU, with the vessels and dense lesions inside them.

    Air inside the body, without bowel gas, trachea and main bronchi; told into sides; closed, and
    bridged where tissue lies between lung and chest wall with lung above and below it, or on both
    sides along the wall, so that consolidations on the pleura stay inside. One that reaches the
    diaphragm or the mediastinum looks like them, and like fluid: it stays outside in part.
    Works on block means near 2.5 mm and comes back to every voxel. An image without lungs gives an
    empty mask and a note, never an error.
    """
    axial = to_axial(volume)
    if axial.is_color or min(axial.grid_shape) < 2:
        return LungMask(np.zeros(volume.grid_shape, np.uint8), "No lungs found: not a CT volume.")
    grid = CoarseGrid(axial.array, axial.spacing_mm, _WORK_SPACING_MM)
    inner_air = _air_in_body(grid)
    if not inner_air.any():
        return LungMask(np.zeros(volume.grid_shape, np.uint8), "No lungs in view.")
    airways = find_airways(grid.hu, inner_air, grid.spacing_mm)
    lungs = _without_specks(inner_air & ~airways)
    if np.count_nonzero(lungs) * grid.voxel_ml < _MIN_LUNG_ML:
        return LungMask(np.zeros(volume.grid_shape, np.uint8), "No lungs in view.")
    spine = spine_place(grid.hu, grid.spacing_mm)
    sides = split_sides(lungs, spine[1], grid.spacing_mm)
    closed = _closed(sides, airways, spine, grid)
    labels = grid.refine(closed, _AIR_HU)
    return LungMask(axial.restore(labels), _note(closed, grid))


def _air_in_body(grid: CoarseGrid) -> NDArray[np.bool_]:
    """Air enclosed by the body: lungs with their airways, without gas in the bowel."""
    air = grid.hu < _AIR_HU
    body = _body(~air)
    air &= ~_room_air(grid, air, body)
    labels, count = ndimage.label(air)
    if count == 0:
        return air
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    dark = np.bincount(labels.ravel(), (grid.hu < _GAS_HU).ravel(), count + 1)
    near_body = ndimage.binary_dilation(body, _NEIGHBORS, iterations=2)
    keep = (_enclosure(labels, count, near_body) >= _ENCLOSED) & (dark < _GAS_SHARE * sizes)
    keep[0] = False
    largest = sizes[keep].max(initial=0)
    if largest * grid.voxel_ml < _MIN_LUNG_ML:
        return np.zeros_like(air)
    keep &= sizes >= _MIN_PART * largest
    inner = keep[labels]
    # Lungs are solid; what hangs together by threads is noise.
    solid = np.count_nonzero(ndimage.binary_opening(inner, _NEIGHBORS))
    return inner if solid > _SOLID * np.count_nonzero(inner) else np.zeros_like(air)


def _body(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of tissue, freed from the table."""
    opened = ndimage.binary_opening(tissue, _NEIGHBORS)
    labels, count = ndimage.label(opened)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if count else opened


def _room_air(
    grid: CoarseGrid, air: NDArray[np.bool_], body: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Air, foam and cloth around the body, slice by slice.

    What reaches far out of the body's convex outline; and what reaches the picture's border and is
    too dark for a lung that the border cuts.
    """
    labels, count = ndimage.label(air, _IN_PLANE)
    border = np.zeros(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[..., 0], labels[..., -1]):
        border[edge] = True
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    means = np.bincount(flat, grid.hu.ravel(), count + 1) / sizes
    outside = (_hull_depth(body, grid) < 0.0).ravel()
    out = np.bincount(flat, outside, count + 1) / sizes
    room = (border & (means < _ROOM_AIR_HU)) | (out > _OUTSIDE)
    room[0] = False
    return room[labels]


def _enclosure(
    labels: NDArray[np.int32], count: int, body: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """For each part the share of its surface that lies against the body."""
    surface = np.zeros(count + 1)
    against = np.zeros(count + 1)
    for axis in range(3):
        low = np.moveaxis(labels, axis, 0)
        inside = np.moveaxis(body, axis, 0)
        for here, there, beyond in (
            (low[:-1], low[1:], inside[1:]),
            (low[1:], low[:-1], inside[:-1]),
        ):
            face = (here > 0) & (there == 0)
            surface += np.bincount(here[face], minlength=count + 1)
            against += np.bincount(here[face], beyond[face], count + 1)
    return against / np.maximum(surface, 1)


def _without_specks(lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(lungs)
    if count == 0:
        return lungs
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= max(2, _MIN_PART * sizes.max()))[labels]


def _closed(
    sides: NDArray[np.uint8],
    airways: NDArray[np.bool_],
    spine: tuple[float, float],
    grid: CoarseGrid,
) -> NDArray[np.uint8]:
    """Each lung with the vessels and lesions inside it."""
    closed = np.zeros_like(sides)
    depth_mm = _hull_depth(sides > 0, grid)
    room = ~_mediastinum(sides.shape, spine, grid)
    # Neither gas nor bone nor blood with contrast agent lies inside a lesion.
    room = room & ((sides > 0) | ((grid.hu > _AIR_HU) & (grid.hu < _DENSE_HU)))
    deep, flat = (room & (depth_mm < reach) for reach in (_BRIDGE_DEPTH_MM, _WALL_DEPTH_MM))
    length = round(_BRIDGE_MM / grid.spacing_mm[0])
    for side, other in ((RIGHT, LEFT), (LEFT, RIGHT)):
        lung = _closing(sides == side, _CLOSING_MM, grid.spacing_mm)
        lesion = _bridge(lung, ~room, length) & deep
        lesion |= _closing(lung, _WALL_GAP_MM / 2, (_FAR_MM, *grid.spacing_mm[1:])) & flat
        lesion &= ~lung
        if lesion.any():
            # Out to the pleura, where the chest is wider than above and below.
            box = _box(lesion, _FRAY_MM, grid.spacing_mm)
            away_mm = ndimage.distance_transform_edt(~lesion[box], sampling=grid.spacing_mm)
            depth_mm = _hull_depth((lung | lesion)[box[0]], grid)[:, box[1], box[2]]
            lesion[box] |= (away_mm < _FRAY_MM) & deep[box] & (depth_mm > -_HULL_SLACK_MM)
        lung |= lesion
        box = _box(lung, 0.0, grid.spacing_mm)
        filled = ndimage.binary_fill_holes(lung[box])
        closed[box][filled & (closed[box] == 0) & (sides[box] != other)] = side
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


def _hull_depth(mask: NDArray[np.bool_], grid: CoarseGrid) -> NDArray[np.float32]:
    """How deep in mm each voxel lies inside its slice's convex hull of the mask; outside < 0."""
    depth = np.full(mask.shape, -np.inf, np.float32)
    _, y_mm, x_mm = grid.spacing_mm
    y = np.arange(mask.shape[1], dtype=np.float32)[:, None] * np.float32(y_mm)
    x = np.arange(mask.shape[2], dtype=np.float32) * np.float32(x_mm)
    for k, plane in enumerate(mask):
        rows = np.flatnonzero(plane.any(axis=1))
        first = plane[rows].argmax(axis=1)
        last = mask.shape[2] - 1 - plane[rows, ::-1].argmax(axis=1)
        ends = np.column_stack([np.tile(rows, 2), np.concatenate([first, last])])
        try:
            hull = ConvexHull(ends * (y_mm, x_mm))
        except (QhullError, ValueError):
            continue  # Fewer than three points, or all on a line.
        normal_y, normal_x, offset = hull.equations.T.astype(np.float32)[..., None, None]
        depth[k] = -(normal_y * y + normal_x * x + offset).max(axis=0)
    return depth


def _note(lungs: NDArray[np.uint8], grid: CoarseGrid) -> str:
    right, left = (np.count_nonzero(lungs == side) * grid.voxel_ml for side in (RIGHT, LEFT))
    if min(right, left) < 0.02 * max(right, left):
        return f"Only the {'right' if right > left else 'left'} lung is in view."
    return ""
