"""Air inside the body of a coarse CT: lungs with their airways, without bowel gas or room air."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.measures.coarse_grid import CoarseGrid, neighbors
from medai.measures.slice_hull import hull_depth
from medai.measures.view_edge import view_edge

AIR_HU = -400.0
MIN_LUNG_ML = 15.0
MIN_PART = 0.01
# Room air is darker than any lung's mean; so is most of the gas in a bowel.
_ROOM_AIR_HU = -930.0
_GAS_HU = -955.0
_GAS_SHARE = 0.4
# A part this much smaller than the largest is gas already when its inside is; nor is it lung when
# it lies under the lung, for the diaphragm lies between the two.
_SMALL_PART = 0.25
_SMALL_GAS_HU = -930.0
_UNDER_LUNG = 0.15
_UNDER_SHARE = 0.8
_SOLID = 0.3
_BODY_PART = 0.2
_ENCLOSED = 0.6
_VESSEL_DEPTH_MM = 15.0
# A lung that the edge of the picture cuts: how much of its outline in the slices lies against the
# body, its size, density and vessels, how much lies outside of the body's convex outline, and how
# much whole lung there is beside it.
_CUT_ENCLOSED = 0.6
_VESSEL_DEPTH_MM = 15.0
_CUT_ML = 30.0
_CUT_LUNG_HU = -965.0
_VESSEL_PERCENT = 97.0
_VESSEL_HU = 40.0
_CUT_OUTSIDE = 0.9
_CUT_BESIDE = 0.5
_OUTSIDE = 0.2
_IN_PLANE = ndimage.generate_binary_structure(3, 1) & np.array([0, 1, 0], bool)[:, None, None]


def air_in_body(grid: CoarseGrid) -> NDArray[np.bool_]:
    """Air that the body or the edge of the picture encloses, without gas in the bowel.

    All False when there is less than a lung needs, or only noise.
    """
    near = neighbors(grid.spacing_mm)
    edge, padding = view_edge(grid.hu)
    air = (grid.hu < AIR_HU) & ~padding
    tissue = (grid.hu >= AIR_HU) & ~padding
    body = _body(tissue, near)
    depth_mm = hull_depth(body, grid.spacing_mm)
    # A lung's vessels are too thin to be left of the body, but they enclose air as its wall does.
    inner = body | (tissue & (depth_mm > _VESSEL_DEPTH_MM))
    near_body = ndimage.binary_dilation(inner, near, iterations=2)
    air &= ~_room_air(grid, air, depth_mm < 0.0, near_body, edge, padding)
    labels, count = ndimage.label(air)
    if count == 0:
        return air
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    dark = np.bincount(labels.ravel(), (grid.hu < _GAS_HU).ravel(), count + 1)
    keep = _enclosure(labels, count, near_body, ~padding, (0, 1, 2)) >= _ENCLOSED
    keep &= dark < _GAS_SHARE * sizes
    keep[0] = False
    largest = sizes[keep].max(initial=0)
    if largest * grid.voxel_ml < MIN_LUNG_ML:
        return np.zeros_like(air)
    keep &= sizes >= MIN_PART * largest
    keep &= ~_bowel_gas(grid.hu, labels, sizes, keep)
    inner = keep[labels]
    # Lungs are solid; what hangs together by threads is noise.
    solid = np.count_nonzero(ndimage.binary_opening(inner, near))
    return inner if solid > _SOLID * np.count_nonzero(inner) else np.zeros_like(air)


def _body(tissue: NDArray[np.bool_], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of tissue without the table, and large ones that the edge cuts from it."""
    opened = ndimage.binary_opening(tissue, near)
    labels, count = ndimage.label(opened)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes >= max(1, _BODY_PART * sizes.max()))[labels]


def _room_air(
    grid: CoarseGrid,
    air: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    near_body: NDArray[np.bool_],
    edge: NDArray[np.bool_],
    padding: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Air, foam and cloth around the body, what is ``outside`` of its convex outline.

    Slice by slice what reaches far out of the body's convex outline, and what reaches the
    picture's edge and is too dark for a lung; but not a lung that the edge cuts.
    """
    labels, count = ndimage.label(air, _IN_PLANE)
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count + 1), 1)
    at_edge = np.bincount(labels[edge], minlength=count + 1) > 0
    means = np.bincount(flat, grid.hu.ravel(), count + 1) / sizes
    out = np.bincount(flat, outside.ravel(), count + 1) / sizes
    room = (at_edge & (means < _ROOM_AIR_HU)) | (out > _OUTSIDE)
    room[0] = False
    parts, number = ndimage.label((room & at_edge)[labels])
    enclosed = _enclosure(parts, number, near_body, ~padding, (1, 2)) >= _CUT_ENCLOSED
    lung = enclosed & _could_be_lung(grid, parts, outside, air & ~room[labels])
    return room[labels] & ~lung[parts]


def _could_be_lung(
    grid: CoarseGrid,
    parts: NDArray[np.int32],
    outside: NDArray[np.bool_],
    whole: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which of the numbered parts at the picture's edge look like lung; [0] is False.

    Large, not wholly outside of the body's convex outline, not as dark as air, with vessels, and
    on a side that doesn't show a whole lung in the same slices.
    """
    half = parts.shape[2] // 2
    # Area of whole lung in each slice, on the right and on the left of the picture.
    area = [whole[..., side].sum(axis=(1, 2)) for side in (slice(half), slice(half, None))]
    boxes = ndimage.find_objects(parts)
    lung = np.zeros(len(boxes) + 1, bool)
    for number, box in enumerate(boxes, start=1):
        part = parts[box] == number
        size = np.count_nonzero(part)
        inside = grid.hu[box][ndimage.binary_erosion(part, _IN_PLANE)]
        if size * grid.voxel_ml < _CUT_ML or inside.size == 0:
            continue
        middle = np.median(inside)
        vessels = np.percentile(inside, _VESSEL_PERCENT) - middle
        columns = np.arange(box[2].start, box[2].stop)
        column = np.average(columns, weights=part.sum(axis=(0, 1)))
        lung[number] = (
            middle >= _CUT_LUNG_HU
            and vessels >= _VESSEL_HU
            and outside[box][part].mean() < _CUT_OUTSIDE
            and area[int(column >= half)][box[0]].sum() < _CUT_BESIDE * size
        )
    return lung


def _enclosure(
    labels: NDArray[np.int32],
    count: int,
    body: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    axes: tuple[int, ...],
) -> NDArray[np.float64]:
    """For each part the share of its surface in view, across ``axes``, that lies against the body.

    The edge of the picture and of what was ``seen`` is no surface.
    """
    surface = np.zeros(count + 1)
    against = np.zeros(count + 1)
    for axis in axes:
        part, inside, view = (np.moveaxis(a, axis, 0) for a in (labels, body, seen))
        for here, there in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            face = (part[here] > 0) & (part[there] == 0) & view[there]
            surface += np.bincount(part[here][face], minlength=count + 1)
            against += np.bincount(part[here][face], inside[there][face], count + 1)
    return against / np.maximum(surface, 1)


def _bowel_gas(
    hu: NDArray[np.float32],
    labels: NDArray[np.int32],
    sizes: NDArray[np.intp],
    keep: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which of the small parts are gas inside, or lie under a large one."""
    largest = sizes[keep].max()
    gas = np.zeros_like(keep)
    large = keep & (sizes >= _SMALL_PART * largest)
    # Canonical slices run toward the head: lung somewhere above in the same column.
    lung_above = np.logical_or.accumulate(large[labels][::-1], axis=0)[::-1]
    boxes = ndimage.find_objects(labels)
    for number in np.flatnonzero(keep & ~large):
        box = boxes[number - 1]
        part = labels[box] == number
        inner = ndimage.binary_erosion(part, _IN_PLANE)
        inside = hu[box][inner if inner.any() else part]
        under = lung_above[box][part].mean()
        gas[number] = np.median(inside) < _SMALL_GAS_HU or (
            sizes[number] < _UNDER_LUNG * largest and under >= _UNDER_SHARE
        )
    return gas
