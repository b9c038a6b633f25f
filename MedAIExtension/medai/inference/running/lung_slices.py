"""Which slices of a chest CT a network looks at, and the part of each: the box of its lungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.images import AxialVolume, Volume, lung_window, to_axial
from medai.inference.running.planes import PLANE_AXES, in_plane

# Slices with fewer lung pixels than this share of the fullest slice are tips of a lung or noise.
LEAST_AREA_SHARE = 0.01
# A crop is at least this share of the largest crop, so that lung tips aren't magnified beyond
# what any network was trained on.
_LEAST_SIDE_SHARE = 0.35
_MARGIN_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class LungSlices:
    """The slices of one plane with lung, as 8-bit pictures cropped to it.

    axial: the study on the canonical grid, for another plane than the axial one turned so that its
    slices are the axial ones. indices: (n,) slices. boxes: (n, 4) first and last + 1 row, first and
    last + 1 column of each crop.
    """

    axial: AxialVolume
    indices: NDArray[np.intp]
    boxes: NDArray[np.intp]
    plane: str = "axial"

    def __len__(self) -> int:
        return len(self.indices)

    def place(self, number: int) -> tuple[int, slice, slice]:
        """Where crop ``number`` lies in an array (z, y, x) of the canonical grid."""
        y0, y1, x0, x1 = self.boxes[number].tolist()
        return int(self.indices[number]), slice(y0, y1), slice(x0, x1)

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Crop ``number`` through the lung window, (rows, columns)."""
        return lung_window(self.axial.array[self.place(number)])

    def pictures(self) -> NDArray[np.uint8]:
        """All crops, (n, rows, columns); they are of one size only when one box was asked for."""
        return np.stack([self.picture(number) for number in range(len(self))])

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Height and width of a pixel."""
        return self.axial.spacing_mm[1:]


def lung_slices(
    axial: AxialVolume,
    lungs: NDArray,
    plane: str = "axial",
    *,
    least_area_share: float = LEAST_AREA_SHARE,
    margin_mm: float | None = None,
) -> LungSlices:
    """The slices and crops of a study in one of planes.PLANES.

    lungs: (z, y, x) on the axial grid, 0 outside. least_area_share: of the fullest slice's lung
    area, that a slice must show. margin_mm: one box around all lung with this margin crops every
    slice; None: each slice has a box of its own.
    """
    if plane != "axial":
        axial, lungs = _lying(axial, plane), in_plane(lungs, plane)
    inside = np.greater(lungs, 0)
    area = np.count_nonzero(inside, axis=(1, 2))
    indices = np.flatnonzero(area >= np.maximum(least_area_share * area.max(), 1))
    if margin_mm is not None and len(indices):
        spans = [
            _with_margin(inside.any(axis=other), margin_mm / axial.spacing_mm[axis])
            for axis, other in ((1, (0, 2)), (2, (0, 1)))
        ]
        return LungSlices(axial, indices, np.tile(np.concatenate(spans), (len(indices), 1)), plane)
    rows = _extent(inside.any(axis=2)[indices])
    columns = _extent(inside.any(axis=1)[indices])
    if len(indices):
        size = axial.grid_shape
        longest = max(_longest(rows), _longest(columns))
        rows = _widen(rows, longest, size[1])
        columns = _widen(columns, longest, size[2])
    return LungSlices(axial, indices, np.concatenate([rows, columns], axis=1), plane)


def _lying(axial: AxialVolume, plane: str) -> AxialVolume:
    """The study as if the patient lay so that the slices of ``plane`` were the axial ones."""
    z, y, x = (axial.spacing_mm[axis] for axis in PLANE_AXES[plane])
    turned = Volume(in_plane(axial.array, plane), np.diag([-x, -y, z, 1.0]), "CT", axial.name)
    return to_axial(turned)


def _with_margin(present: NDArray[np.bool_], margin: float) -> NDArray[np.intp]:
    """First and last + 1 True with a margin, kept inside the slice."""
    (first, last), extra = _extent(present[None])[0], int(np.ceil(margin))
    return np.array([max(0, first - extra), min(len(present), last + extra)])


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
