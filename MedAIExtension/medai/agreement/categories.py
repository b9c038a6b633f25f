"""Ratings in categories or numbers, reduced to the different columns that occur."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.errors import RatingError

Array = NDArray[np.float64]

# Codes of columns are counted in a table of at most this size.
_MOST_CODES = 1 << 20
_MOST_SMALL = 254
_CHUNK_UNITS = 1 << 17


@dataclass(frozen=True, eq=False)
class CategoryPatterns:
    """Different columns of a (raters, units) table of ratings and how often each occurs.

    values: (values,) the different ratings, ascending.
    index: (patterns, raters) into ``values``, -1 where a rating is missing.
    counts: (patterns,) int64.
    """

    values: Array
    index: NDArray[np.intp]
    counts: NDArray[np.int64]

    @property
    def per_value(self) -> NDArray[np.int64]:
        """(patterns, values): how many raters gave each value."""
        table = np.zeros((len(self.index), len(self.values)), dtype=np.int64)
        for column in self.index.T:
            rows = np.flatnonzero(column >= 0)
            np.add.at(table, (rows, column[rows]), 1)
        return table

    @property
    def per_unit(self) -> NDArray[np.int64]:
        """(patterns,): how many ratings a unit has."""
        return (self.index >= 0).sum(axis=1)

    def pairable(self) -> CategoryPatterns:
        """Only units with at least two ratings, and the values that occur among them."""
        kept = self.per_unit >= 2
        index, counts = self.index[kept], self.counts[kept]
        used = np.unique(index[index >= 0])
        place = np.full(len(self.values) + 1, -1, dtype=np.intp)
        place[used] = np.arange(len(used))
        return CategoryPatterns(self.values[used], place[index], counts)


def category_patterns(ratings: ArrayLike) -> CategoryPatterns:
    """Reduce ratings (raters, *units) to patterns; nan (or a masked entry) is missing.

    Whole numbers 0..254 of few kinds, such as masks and label maps, take one pass without a sort.
    Raises RatingError on fewer than 2 raters, no unit, or ratings that are not numbers.
    """
    if np.ma.isMaskedArray(ratings):
        ratings = np.ma.filled(np.ma.asarray(ratings, dtype=np.float64), np.nan)
    table = np.asarray(ratings)
    if table.dtype == object:
        table = table.astype(np.float64)
    if table.dtype.kind not in "buif":
        raise RatingError(f"Ratings of type {table.dtype}: expected numbers.")
    if table.ndim < 2 or len(table) < 2:
        raise RatingError(
            f"Ratings of shape {table.shape}: expected (raters, units), at least 2 raters."
        )
    table = table.reshape(len(table), -1)
    if table.shape[1] == 0:
        raise RatingError("Ratings of no unit at all: expected at least one.")
    if np.isinf(table).any() if table.dtype.kind == "f" else False:
        raise RatingError("An infinite rating: expected finite numbers, or nan where missing.")
    small = _small_patterns(table)
    return small if small is not None else _sorted_patterns(table)


def _small_patterns(table: NDArray) -> CategoryPatterns | None:
    codes = _small_codes(table)
    if codes is None:
        return None
    largest, has_missing = codes
    base = largest + 1 + has_missing
    raters, units = table.shape
    if base**raters > _MOST_CODES:
        return None
    total = np.zeros(base**raters, dtype=np.int64)
    dtype = np.min_scalar_type(base**raters - 1)
    for start in range(0, units, _CHUNK_UNITS):
        part = table[:, start : start + _CHUNK_UNITS]
        code = np.zeros(part.shape[1], dtype=dtype)
        for row in part[::-1]:
            if has_missing:
                row = np.where(np.isnan(row), base - 1, row)
            code *= dtype.type(base)
            np.add(code, row, out=code, casting="unsafe")
        total += np.bincount(code, minlength=total.size)
    occurring = np.flatnonzero(total)
    index = (occurring[:, None] // base ** np.arange(raters)) % base
    if has_missing:
        index = np.where(index == base - 1, -1, index)
    used = np.unique(index[index >= 0])
    place = np.full(base + 1, -1, dtype=np.intp)
    place[used] = np.arange(len(used))
    return CategoryPatterns(used.astype(np.float64), place[index], total[occurring])


def _small_codes(table: NDArray) -> tuple[int, bool] | None:
    """The largest whole rating and whether any is missing; None if not all are small whole ones."""
    if table.dtype == bool:
        return 1, False
    if table.dtype.kind in "ui":
        low, high = int(table.min()), int(table.max())
        return (high, False) if low >= 0 and high <= _MOST_SMALL else None
    highest, has_missing = 0.0, False
    for row in table:
        for start in range(0, row.size, _CHUNK_UNITS):
            part = row[start : start + _CHUNK_UNITS]
            whole = (part >= 0) & (part <= _MOST_SMALL) & (part == np.floor(part))
            if not whole.all():
                missing = np.isnan(part)
                if not (whole | missing).all():
                    return None
                has_missing = True
                part = part[~missing]
            if part.size:
                highest = max(highest, float(part.max()))
    return int(highest), has_missing


def _sorted_patterns(table: NDArray) -> CategoryPatterns:
    values = table.astype(np.float64)
    missing = np.isnan(values)
    found, inverse = np.unique(values[~missing], return_inverse=True)
    index = np.full(values.shape, -1, dtype=np.intp)
    index[~missing] = inverse.reshape(-1)
    rows, counts = np.unique(index.T, axis=0, return_counts=True)
    return CategoryPatterns(found, rows, counts.astype(np.int64))
