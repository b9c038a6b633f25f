"""Region masks of 28×28 painted into slices; numpy alone, so thresholds need no network."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from medai.inference.lesions.result import RoiTable

_MASK_PIXELS = 28
_PADDED = _MASK_PIXELS + 2
_ONE = np.float32(1)
# Of each padded pixel the mask pixel it is, or is nearest to.
_EDGED = np.clip(np.arange(-1, _MASK_PIXELS + 1), 0, _MASK_PIXELS - 1)[:, None]


def paste_lesions(
    rois: RoiTable,
    inside: NDArray,
    *,
    score_threshold: float,
    mask_threshold: float,
) -> NDArray[np.uint8]:
    """Lesions (z, y, x) on the axial grid: 0, or 1 + class of the best region there.

    inside: not 0 where a lesion may be (the lungs). A voxel is lesion where the mask of a region
    of at least ``score_threshold`` has at least ``mask_threshold`` (He et al. 2017, section 3.1).
    """
    lesions = np.zeros(inside.shape, np.uint8)
    scores = rois.score[rois.masked]
    # Best last, so that it lies on top.
    for row in np.argsort(scores, kind="stable"):
        roi = rois.masked[row]
        if scores[row] < score_threshold:
            continue
        patch = _Patch(rois.box[roi], inside.shape[1:])
        if patch.empty:
            continue
        place = (rois.slice_index[roi], *patch.place)
        padded = np.zeros((1, _PADDED, _PADDED), np.float32)
        padded[0, 1:-1, 1:-1] = expit(rois.mask_logits[row].astype(np.float32))
        hit = patch.paint(padded)[0] >= mask_threshold
        hit &= inside[place] != 0
        lesions[place][hit] = 1 + rois.class_index[roi]
    return lesions


def paste_maps(
    rois: RoiTable, probability: NDArray[np.float16], score_map: NDArray[np.float16]
) -> None:
    """Paint the regions that have masks into two maps (z, y, x) of the axial grid, in place.

    probability: highest score × mask probability; score_map: highest raw mask logit, 0 where no
    region is.
    """
    indices = rois.slice_index[rois.masked]
    for index in np.unique(indices):
        # Half-precision arithmetic is slow in numpy: each slice is painted in float32.
        likely = np.zeros(score_map.shape[1:], np.float32)
        raw = np.full(score_map.shape[1:], -np.inf, np.float32)
        for row in np.flatnonzero(indices == index):
            roi = rois.masked[row]
            patch = _Patch(rois.box[roi], raw.shape)
            if patch.empty:
                continue
            logits = rois.mask_logits[row].astype(np.float32)
            padded = np.zeros((2, _PADDED, _PADDED), np.float32)
            padded[0, 1:-1, 1:-1] = expit(logits) * rois.score[roi]
            # A logit of 0 would be a half: outside the mask its edge goes on.
            padded[1] = logits[_EDGED, _EDGED.T]
            painted = patch.paint(padded)
            for painting, part in zip((likely, raw), painted, strict=True):
                np.maximum(painting[patch.place], part, out=painting[patch.place])
        probability[index] = likely
        score_map[index] = np.where(np.isinf(raw), 0, raw)


def paste_classes(rois: RoiTable, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Class index (z, y, x) of the best region's box at each voxel; 0 where there is none."""
    classes = np.zeros(shape, np.uint8)
    for roi in rois.masked[np.argsort(rois.score[rois.masked], kind="stable")]:
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

    def paint(self, padded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Padded masks (n, 30, 30), bilinear, at the pixels of ``place``."""
        below, share = _samples(self._rows)
        lines = padded.take(below, 1) * (_ONE - share[:, None])
        lines += padded.take(below + 1, 1) * share[:, None]
        below, share = _samples(self._columns)
        painted = lines.take(below, 2) * (_ONE - share)
        painted += lines.take(below + 1, 2) * share
        return painted


def _span(low: float, high: float, size: int) -> tuple[int, int, int, int]:
    """First pixel of the grown box, first and last + 1 of it in the slice, and its length."""
    center, half = (low + high) / 2, (high - low) / 2 * (_PADDED / _MASK_PIXELS)
    first, last = int(center - half), int(center + half)
    length = max(last - first + 1, 1)
    return first, max(first, 0), min(first + length, size), length


def _samples(span: tuple[int, int, int, int]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel of a span: the mask pixel below it, and the share of the next one."""
    first, start, stop, length = span
    below, share = _bilinear(length)
    return below[start - first : stop - first], share[start - first : stop - first]


@lru_cache(maxsize=4096)
def _bilinear(length: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Resampling 30 pixels to ``length``, borders aligned."""
    position = (np.arange(length) + 0.5) * _PADDED / length - 0.5
    position = np.clip(position, 0, _PADDED - 1)
    below = np.minimum(position.astype(np.intp), _PADDED - 2)
    return below, (position - below).astype(np.float32)
