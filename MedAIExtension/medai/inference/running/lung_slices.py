"""Which slices of a chest CT a network looks at, and the part of each: the box of its lungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.images import AxialVolume, lung_window

# Slices with fewer lung pixels than this share of the fullest slice are tips of a lung or noise.
_LEAST_AREA_SHARE = 0.01
# A crop is at least this share of the largest crop, so that lung tips aren't magnified beyond
# what any network was trained on.
_LEAST_SIDE_SHARE = 0.35
_MARGIN_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class LungSlices:
    """The slices with lung, as 8-bit pictures cropped to it.

    axial: the study on the canonical grid; indices: (n,) slices; boxes: (n, 4) first and last + 1
    row, first and last + 1 column of each crop.
    """

    axial: AxialVolume
    indices: NDArray[np.intp]
    boxes: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.indices)

    def place(self, number: int) -> tuple[int, slice, slice]:
        """Where crop ``number`` lies in an array (z, y, x) of the canonical grid."""
        y0, y1, x0, x1 = self.boxes[number].tolist()
        return int(self.indices[number]), slice(y0, y1), slice(x0, x1)

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Crop ``number`` through the lung window, (rows, columns)."""
        return lung_window(self.axial.array[self.place(number)])


def lung_slices(axial: AxialVolume, lungs: NDArray) -> LungSlices:
    """The slices and crops of a study; ``lungs`` (z, y, x) on the axial grid, 0 outside."""
    inside = np.greater(lungs, 0)
    area = np.count_nonzero(inside, axis=(1, 2))
    indices = np.flatnonzero(area > _LEAST_AREA_SHARE * max(int(area.max()), 1))
    rows = _extent(inside.any(axis=2)[indices])
    columns = _extent(inside.any(axis=1)[indices])
    if len(indices):
        size = axial.grid_shape
        longest = max(_longest(rows), _longest(columns))
        rows = _widen(rows, longest, size[1])
        columns = _widen(columns, longest, size[2])
    return LungSlices(axial, indices, np.concatenate([rows, columns], axis=1))


def _extent(present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """First and last + 1 True of each row, (n, 2)."""
    length = present.shape[1]
    first = present.argmax(axis=1)
    last = length - present[:, ::-1].argmax(axis=1)
    return np.stack([first, last], axis=1)


def _longest(spans: NDArray[np.intp]) -> int:
    return int((spans[:, 1] - spans[:, 0]).max())


def _widen(spans: NDArray[np.intp], longest: int, size: int) -> NDArray[np.intp]:
    """Spans with a margin and the least length, kept inside the slice."""
    margin = round(_MARGIN_SHARE * longest)
    least = round(_LEAST_SIDE_SHARE * longest)
    lengths = np.minimum(np.maximum(spans[:, 1] - spans[:, 0] + 2 * margin, least), size)
    starts = np.clip((spans.sum(axis=1) - lengths) // 2, 0, size - lengths)
    return np.stack([starts, starts + lengths], axis=1)
