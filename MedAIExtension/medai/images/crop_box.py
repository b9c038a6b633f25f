"""A rectangle of a picture, in whole pixels."""

from __future__ import annotations

from dataclasses import dataclass

from medai.errors import InputError

# The fixed crop of the source paper (S5): 1100×1100 of pictures 2150 wide and 1824 high.
_PAPER_WIDTH, _PAPER_CROP = 2150, 1100


@dataclass(frozen=True, order=True)
class CropBox:
    """Columns ``left`` up to but not including ``right``, rows ``top`` up to ``bottom``."""

    left: int
    top: int
    right: int
    bottom: int

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.right},{self.bottom}"

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """For indexing an array (…, y, x)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def checked(self, shape: tuple[int, int], name: str) -> CropBox:
        """Itself, if it lies in a picture of ``shape`` (rows, columns) and is 32 pixels or more.

        Raises InputError otherwise; ``name`` says whose crop it is.
        """
        rows, columns = shape
        if self.left < 0 or self.top < 0 or self.right > columns or self.bottom > rows:
            raise InputError(
                f"{name}: the crop {self} (left, top, right, bottom) is outside the picture, "
                f"which is {columns} wide and {rows} high."
            )
        if min(self.width, self.height) < 32:
            raise InputError(
                f"{name}: the crop {self} is {self.width}×{self.height} pixels, expected 32×32 "
                "or more."
            )
        return self


def default_side(shape: tuple[int, int]) -> int:
    """Side in pixels of the square crop: 1100 of a picture 2150 wide, in proportion for others."""
    return min(max(32, round(shape[1] * _PAPER_CROP / _PAPER_WIDTH)), *shape)


def centered_crop(shape: tuple[int, int], center: tuple[float, float] | None = None) -> CropBox:
    """The square crop around ``center`` (row, column; None: the middle), moved into the picture."""
    rows, columns = shape
    side = default_side(shape)
    row, column = center if center is not None else (rows / 2, columns / 2)
    top = min(max(round(row - side / 2), 0), rows - side)
    left = min(max(round(column - side / 2), 0), columns - side)
    return CropBox(left, top, left + side, top + side)


def parse_crop(text: str) -> CropBox:
    """A box written "left,top,right,bottom" in pixels; raises InputError for anything else."""
    parts = text.split(",")
    if len(parts) == 4 and all(part.strip().isdecimal() for part in parts):
        return CropBox(*(int(part) for part in parts))
    raise InputError(f"Crop {text!r}: expected lens, center or left,top,right,bottom in pixels.")
