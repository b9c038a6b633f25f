"""Rating patterns: how often each combination of the raters' answers occurs in an image.

With n raters an image of any size holds at most 2ⁿ different patterns (3ⁿ with missing ratings),
far fewer where raters are many, and every statistic that treats pixels as exchangeable depends on
the image through their counts alone. Counting is one pass in small chunks; the masks are never
copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.ratings import check_masks, check_roi, flat_chunks
from medai.errors import RatingError

# Small enough for the processor's cache, large enough that numpy's call overhead is nothing.
_CHUNK_UNITS = 1 << 17
_MAX_DENSE_BITS = 20
# What one whole number holds of a pattern.
_WORD_BITS = 63


@dataclass(frozen=True, eq=False)
class RatingPatterns:
    """Different rows of ratings and how many units (pixels, voxels) show each.

    ratings: (patterns, raters) int8 of 0, 1, and -1 where a rater did not see the unit.
    counts: (patterns,) int64, all positive.
    """

    ratings: NDArray[np.int8]
    counts: NDArray[np.int64]

    @property
    def raters(self) -> int:
        """Number of raters."""
        return int(self.ratings.shape[1])

    @property
    def units(self) -> int:
        """Number of units counted."""
        return int(self.counts.sum())

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(patterns, raters): where there is a rating."""
        return self.ratings >= 0

    def select(self, raters: Sequence[int]) -> RatingPatterns:
        """The patterns of some of the raters, in the order given, equal rows merged.

        >>> patterns = rating_patterns([[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 0, 1]])
        >>> patterns.select([0, 1]).counts.tolist()
        [1, 1, 2]
        """
        rows = self.ratings[:, list(raters)]
        rows, inverse = np.unique(rows, axis=0, return_inverse=True)
        counts = np.bincount(inverse.reshape(-1), weights=self.counts, minlength=len(rows))
        kept = (rows >= 0).any(axis=1)
        return RatingPatterns(rows[kept], np.rint(counts[kept]).astype(np.int64))

    def without(self, rater: int) -> RatingPatterns:
        """The patterns of all raters but one."""
        return self.select([j for j in range(self.raters) if j != rater])


def rating_patterns(
    masks: ArrayLike | Sequence[ArrayLike],
    roi: ArrayLike | None = None,
    seen: ArrayLike | None = None,
) -> RatingPatterns:
    """Count the rating patterns of an image.

    masks: (raters, *grid) of 0 and 1, bool or any number type, or one array per rater.
    roi: (*grid), non-zero where ratings count; None is the whole grid.
    seen: (raters,) or (raters, *grid), false where a rater gave no rating; None is all seen.
        Units that nobody saw are not counted.
    Raises RatingError on shapes that differ, values other than 0 and 1, or a region of interest
    without a single unit.

    >>> patterns = rating_patterns([[0, 0, 1, 1], [0, 1, 1, 1]])
    >>> patterns.ratings.tolist(), patterns.counts.tolist()
    ([[0, 0], [0, 1], [1, 1]], [1, 1, 2])
    """
    grids = check_masks(masks)
    region = check_roi(roi, grids[0].shape)
    raters = len(grids)
    visible = None if seen is None else _check_seen(seen, raters, grids[0].shape)
    layers = [*grids] if region is None else [*grids, region]
    if visible is not None:
        layers += visible
    rows, counts = _count_rows(layers, raters)
    return _decode(rows, counts, raters, region is not None, visible is not None)


def _check_seen(seen: ArrayLike, raters: int, shape: tuple[int, ...]) -> list[NDArray]:
    array = np.asarray(seen, dtype=bool)
    if array.shape == (raters,):
        array = array.reshape((raters,) + (1,) * len(shape))
    try:
        return list(np.broadcast_to(array, (raters, *shape)))
    except ValueError:
        raise RatingError(
            f"seen has shape {array.shape}, expected ({raters},) or {(raters, *shape)}."
        ) from None


def _count_rows(layers: list[NDArray], raters: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Different units over all layers, (patterns, layers), and how many of each there are."""
    if len(layers) <= _WORD_BITS:
        codes, counts = _count_codes(layers, raters)
        places = np.arange(len(layers), dtype=np.uint64)
        return ((codes[:, None] >> places) & np.uint64(1)).astype(bool), counts
    found: list[NDArray] = []
    numbers: list[NDArray] = []
    for chunk in flat_chunks(layers, _CHUNK_UNITS, check_first=raters):
        bits = np.stack(chunk, axis=1).astype(bool)
        rows, counts = np.unique(np.packbits(bits, axis=1), axis=0, return_counts=True)
        found.append(rows)
        numbers.append(counts)
    rows, inverse = np.unique(np.concatenate(found), axis=0, return_inverse=True)
    totals = np.zeros(len(rows), dtype=np.int64)
    np.add.at(totals, inverse.reshape(-1), np.concatenate(numbers))
    return np.unpackbits(rows, axis=1, count=len(layers)).astype(bool), totals


def _count_codes(layers: list[NDArray], raters: int) -> tuple[NDArray, NDArray[np.int64]]:
    bits = len(layers)
    dtype = np.min_scalar_type((1 << bits) - 1)
    dense = bits <= _MAX_DENSE_BITS
    total = np.zeros(1 << bits if dense else 0, dtype=np.int64)
    sparse: list[tuple[NDArray, NDArray]] = []
    for chunk in flat_chunks(layers, _CHUNK_UNITS, check_first=raters):
        code = chunk[0].astype(dtype)
        shifted = np.empty_like(code)
        for bit, values in enumerate(chunk[1:], start=1):
            np.left_shift(values, bit, out=shifted, dtype=dtype, casting="unsafe")
            np.bitwise_or(code, shifted, out=code)
        if dense:
            total += np.bincount(code, minlength=total.size)
        else:
            sparse.append(np.unique(code, return_counts=True))
    if dense:
        codes = np.flatnonzero(total)
        return codes.astype(np.uint64), total[codes]
    codes, inverse = np.unique(np.concatenate([c for c, _ in sparse]), return_inverse=True)
    weights = np.concatenate([n for _, n in sparse])
    counts = np.zeros(len(codes), dtype=np.int64)
    np.add.at(counts, inverse.reshape(-1), weights)
    return codes.astype(np.uint64), counts


def _decode(
    rows: NDArray[np.bool_], counts: NDArray[np.int64], raters: int, has_roi: bool, has_seen: bool
) -> RatingPatterns:
    ratings = rows[:, :raters].astype(np.int8)
    kept = np.ones(len(rows), dtype=bool)
    if has_roi:
        kept &= rows[:, raters]
        if not kept.any():
            raise RatingError("The region of interest is empty: expected at least one unit in it.")
    if has_seen:
        visible = rows[:, raters + has_roi :]
        ratings[~visible] = -1
        kept &= visible.any(axis=1)
        if not kept.any():
            raise RatingError("No rater saw any unit of the region of interest.")
    ratings, counts = ratings[kept], counts[kept]
    merged_rows, inverse = np.unique(ratings, axis=0, return_inverse=True)
    merged = np.zeros(len(merged_rows), dtype=np.int64)
    np.add.at(merged, inverse.reshape(-1), counts)
    return RatingPatterns(merged_rows, merged)
