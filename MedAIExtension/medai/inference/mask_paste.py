"""Region masks of 28×28 painted into slices; numpy alone, so thresholds need no network."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from medai.inference.lesion_result import RoiTable

_MASK_PIXELS = 28
_PADDED = _MASK_PIXELS + 2
_ONE = np.float32(1)


def paste_lesions(
    rois: RoiTable,
    inside: NDArray[np.bool_],
    *,
    score_threshold: float,
    mask_threshold: float,
) -> NDArray[np.uint8]:
    """Lesions (z, y, x) on the axial grid: 0, or 1 + class of the best region there.

    inside: voxels where a lesion may be (the lungs). A voxel is lesion where the mask of a region
    of at least ``score_threshold`` has at least ``mask_threshold`` (He et al. 2017, section 3.1).
    """
    lesions = np.zeros(inside.shape, np.uint8)
    scores = rois.score[rois._masked]
    # Best last, so that it lies on top.
    for row in np.argsort(scores, kind="stable"):
        roi = rois._masked[row]
        if scores[row] < score_threshold:
            continue
        patch = _Patch(rois.box[roi], inside.shape[1:])
        if patch.empty:
            continue
        place = (rois.slice_index[roi], *patch.place)
        mask = patch.paint(expit(rois._mask_logits[row].astype(np.float32)))
        lesions[place][(mask >= mask_threshold) & inside[place]] = 1 + rois.class_index[roi]
    return lesions


def paste_maps(
    rois: RoiTable, probability: NDArray[np.float16], score_map: NDArray[np.float16]
) -> None:
    """Paint the regions that have masks into two maps (z, y, x) of the axial grid, in place.

    probability: highest score × mask probability; score_map: highest raw mask logit, 0 where no
    region is.
    """
    indices = rois.slice_index[rois._masked]
    for index in np.unique(indices):
        # Half-precision arithmetic is slow in numpy: each slice is painted in float32.
        likely = np.zeros(score_map.shape[1:], np.float32)
        raw = np.full(score_map.shape[1:], -np.inf, np.float32)
        for row in np.flatnonzero(indices == index):
            roi = rois._masked[row]
            patch = _Patch(rois.box[roi], raw.shape)
            if patch.empty:
                continue
            logits = rois._mask_logits[row].astype(np.float32)
            painted = patch.paint(expit(logits) * rois.score[roi])
            np.maximum(likely[patch.place], painted, out=likely[patch.place])
            painted = patch.paint(logits, edge=True)
            np.maximum(raw[patch.place], painted, out=raw[patch.place])
        probability[index] = likely
        score_map[index] = np.where(np.isinf(raw), 0, raw)


def paste_classes(rois: RoiTable, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Class index (z, y, x) of the best region's box at each voxel; 0 where there is none."""
    classes = np.zeros(shape, np.uint8)
    for roi in rois._masked[np.argsort(rois.score[rois._masked], kind="stable")]:
        patch = _Patch(rois.box[roi], shape[1:])
        if not patch.empty:
            classes[(rois.slice_index[roi], *patch.place)] = rois.class_index[roi]
    return classes


class _Patch:
    """Where a box lies in a slice. As in torchvision, the mask is padded by one pixel of nothing,
    the box grows with it, and its corners are cut to whole pixels."""

    def __init__(self, box: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        self._rows = _span(box[1], box[3], shape[0])
        self._columns = _span(box[0], box[2], shape[1])
        self.place = (
            slice(self._rows[1], self._rows[2]),
            slice(self._columns[1], self._columns[2]),
        )
        self.empty = self._rows[1] >= self._rows[2] or self._columns[1] >= self._columns[2]

    def paint(self, mask: NDArray[np.float32], *, edge: bool = False) -> NDArray[np.float32]:
        """The mask (28, 28), bilinear, at the pixels of ``place``; outside it 0, or its edge."""
        padded = np.zeros((_PADDED, _PADDED), np.float32)
        padded[1:-1, 1:-1] = mask
        below, share = _samples(self._rows, edge)
        lines = padded[below] * (_ONE - share[:, None]) + padded[below + 1] * share[:, None]
        below, share = _samples(self._columns, edge)
        return lines.take(below, 1) * (_ONE - share) + lines.take(below + 1, 1) * share


def _span(low: float, high: float, size: int) -> tuple[int, int, int, int]:
    """First pixel of the grown box, first and last + 1 of it in the slice, and its length."""
    center, half = (low + high) / 2, (high - low) / 2 * (_PADDED / _MASK_PIXELS)
    first, last = int(center - half), int(center + half)
    length = max(last - first + 1, 1)
    return first, max(first, 0), min(first + length, size), length


def _samples(
    span: tuple[int, int, int, int], edge: bool
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel of a span: the mask pixel below it, and the share of the next one."""
    first, start, stop, length = span
    below, share = _bilinear(length, edge)
    return below[start - first : stop - first], share[start - first : stop - first]


@lru_cache(maxsize=4096)
def _bilinear(length: int, edge: bool) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Resampling 30 pixels to ``length``, borders aligned; ``edge`` keeps to the inner 28."""
    position = (np.arange(length) + 0.5) * _PADDED / length - 0.5
    rim = 1 if edge else 0
    position = np.clip(position, rim, _PADDED - 1 - rim)
    below = np.minimum(position.astype(np.intp), _PADDED - 2)
    return below, (position - below).astype(np.float32)
