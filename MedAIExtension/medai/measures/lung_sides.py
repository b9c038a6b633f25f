"""Which part of the lungs is the patient's right, which the left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

RIGHT, LEFT = 1, 2
_BONE_HU = 200.0
_SPINE_WIDTH_MM = 35.0
# A part smaller than this share of the largest isn't a lung of its own.
_LUNG_SHARE = 0.12
_ERODE_UP_TO_MM = 14.0


def spine_place(hu: NDArray[np.float32], spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    """Row and column (y, x) where the spine stands: most bone in the body's posterior half."""
    rows = np.flatnonzero((hu > -200).any(axis=(0, 2)))
    back = int(np.median(rows)) if len(rows) else 0
    bone = (hu[:, back:] > _BONE_HU).sum(axis=0).astype(float)
    if not bone.any():
        return (hu.shape[1] - 1) / 2, (hu.shape[2] - 1) / 2
    size = [max(1, round(_SPINE_WIDTH_MM / mm)) for mm in spacing_mm[1:]]
    column = np.argmax(ndimage.uniform_filter1d(bone.sum(axis=0), size[1], mode="constant"))
    near = bone[:, max(0, column - size[1] // 2) : column + size[1] // 2 + 1].sum(axis=1)
    row = np.argmax(ndimage.uniform_filter1d(near, size[0], mode="constant"))
    return float(back + row), float(column)


def split_sides(
    lungs: NDArray[np.bool_], spine: float, spacing_mm: tuple[float, ...]
) -> NDArray[np.uint8]:
    """1 on the patient's right, 2 on the left, on the canonical grid (columns run toward L).

    Parts that don't touch are told apart by their place beside each other, or beside the spine
    when there is one alone; lungs that touch are cut where they are thinnest.
    """
    labels, count = ndimage.label(lungs)
    sides = np.zeros(lungs.shape, np.uint8)
    if count == 0:
        return sides
    sizes = np.bincount(labels.ravel())[1:]
    order = np.argsort(-sizes) + 1
    large = [k for k in order if sizes[k - 1] >= _LUNG_SHARE * sizes.max()]
    column = {k: _column(labels == k) for k in large}
    for k in large:
        part = labels == k
        if _share_right(part, spine) < 1 - _LUNG_SHARE and _share_right(part, spine) > _LUNG_SHARE:
            cut = _cut(part, spine, spacing_mm) if len(large) == 1 else None
            if cut is not None:
                sides[part] = cut[part]
                continue
        sides[part] = RIGHT if column[k] < spine else LEFT
    if len(large) >= 2 and len({int(sides[labels == k].max()) for k in large[:2]}) == 1:
        # Both on one side of what was taken for the spine: beside each other all the same?
        first, second = large[:2]
        apart = abs(column[first] - column[second])
        if apart > 0.3 * np.ptp(np.flatnonzero(lungs.any(axis=(0, 1)))):
            right, left = sorted((first, second), key=lambda k: column[k])
            sides[labels == right], sides[labels == left] = RIGHT, LEFT
    rest = lungs & (sides == 0)
    if rest.any():
        nearest = ndimage.distance_transform_edt(
            sides == 0, sampling=spacing_mm, return_distances=False, return_indices=True
        )
        sides[rest] = sides[tuple(nearest)][rest]
    return sides


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
    depth = ndimage.distance_transform_edt(lungs, sampling=spacing_mm)
    step = min(spacing_mm)
    seeds = np.zeros(lungs.shape, np.uint8)
    for erosion_mm in np.arange(step, _ERODE_UP_TO_MM, step):
        labels, count = ndimage.label(depth > erosion_mm)
        if count < 2:
            continue
        sizes = np.bincount(labels.ravel())[1:]
        first, second = np.argsort(-sizes)[:2] + 1
        if sizes[second - 1] < _LUNG_SHARE * sizes[first - 1]:
            continue
        a, b = (_share_right(labels == k, spine) for k in (first, second))
        if (a > 0.5) == (b > 0.5):
            continue
        right, left = (first, second) if a > b else (second, first)
        seeds[labels == right], seeds[labels == left] = RIGHT, LEFT
        break
    if not seeds.any():
        seeds[..., : round(spine)] = RIGHT
        seeds[..., round(spine) :] = LEFT
        return np.where(lungs, seeds, 0)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    return np.where(lungs, seeds[tuple(nearest)], 0)
