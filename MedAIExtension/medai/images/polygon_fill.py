"""Outlines given as corners, and runs of pixels, as masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.errors import ImageReadError

_COMPRESSED_FIRST, _COMPRESSED_LAST = 48, 111
# A run of more bits than this is longer than any picture.
_MOST_SHIFT = 50


def fill_polygon(mask: NDArray[np.uint8], corners: NDArray[np.float64]) -> None:
    """Mark with 1 the pixels of ``mask`` (rows, columns) whose center lies in a polygon.

    corners: (corners, 2), x and y in pixels from the outer corner of the first pixel, so that the
    center of pixel (row, column) is (column + 0.5, row + 0.5). Where the outline crosses itself
    what is enclosed twice is outside (even-odd rule). What lies off the grid is left out.
    """
    rows, columns = mask.shape
    x, y = corners[:, 0], corners[:, 1]
    top = int(np.clip(np.floor(y.min()), 0, rows))
    bottom = int(np.clip(np.ceil(y.max()), top, rows))
    left = int(np.clip(np.floor(x.min()), 0, columns))
    right = int(np.clip(np.ceil(x.max()), left, columns))
    if top == bottom or left == right:
        return
    # Each edge turns inside out everything to the right of where it crosses a row's middle.
    turns = np.zeros((bottom - top, right - left + 1), dtype=np.uint8)
    for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
        low, high = (y0, y1) if y0 < y1 else (y1, y0)
        first = int(np.clip(np.ceil(low - 0.5), top, bottom))
        last = int(np.clip(np.ceil(high - 0.5), first, bottom))
        if first == last:
            continue
        middles = np.arange(first, last) + 0.5
        crossings = x0 + (middles - y0) * ((x1 - x0) / (y1 - y0))
        places = np.clip(np.ceil(crossings - 0.5), left, right).astype(np.intp) - left
        turns[np.arange(first, last) - top, places] ^= 1
    inside = np.bitwise_xor.accumulate(turns[:, :-1], axis=1)
    mask[top:bottom, left:right] |= inside


def fill_runs(mask: NDArray[np.uint8], runs: NDArray[np.int64]) -> None:
    """Mark with 1 what run lengths mark: unmarked, marked, unmarked … pixels, down each column.

    runs: (runs,), the first unmarked. Raises ImageReadError when they don't fill the grid.
    """
    if (runs < 0).any() or int(runs.sum()) != mask.size:
        raise ImageReadError(
            f"Runs of {int(runs.sum()):,} pixels: expected {mask.size:,}, those of a grid of "
            f"{mask.shape[0]} × {mask.shape[1]}."
        )
    values = np.arange(len(runs), dtype=np.uint8) & 1
    mask |= np.repeat(values, runs).reshape(mask.shape[::-1]).T


def unpacked_runs(text: str) -> NDArray[np.int64]:
    """Run lengths of COCO's compressed text: five bits a character, from the third run on the
    difference to the run two before.

    Raises ImageReadError for characters that it can't hold and for text that ends in a number.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character)
        if not _COMPRESSED_FIRST <= code <= _COMPRESSED_LAST or shift > _MOST_SHIFT:
            raise ImageReadError(f"Compressed runs hold {character!r}: not COCO's run lengths.")
        bits = code - _COMPRESSED_FIRST
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ImageReadError("Compressed runs end within a number: the file is cut off.")
    if any(abs(run) >= 1 << _MOST_SHIFT for run in runs):
        raise ImageReadError("Compressed runs are longer than any picture.")
    return np.array(runs, dtype=np.int64)
