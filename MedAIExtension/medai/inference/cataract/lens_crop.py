"""Where the lens is in a scan, and the way from the scan's pixels to the network's and back.

Both ways join edges to edges (a crop's border is the network image's border), so a pixel's center
comes back to where it was for every size and scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import UnsuitableImageError
from medai.images.crop_box import CropBox, centered_crop, default_side

if TYPE_CHECKING:
    from torch import Tensor

_SIGNAL = 10.0  # grey levels above the darkest third of the scan that count as tissue
_COARSE_COLUMNS = 160


def find_lens(pixels: NDArray[np.uint8]) -> CropBox | None:
    """The lens's own box in a scan (y, x), seen as the second lit layer under the middle.

    From above a scan of the anterior segment shows air, cornea, the dark anterior chamber and
    then the lens between the iris's shadows. None where that order is not found.
    """
    rows, columns = pixels.shape
    step = max(1, columns // _COARSE_COLUMNS)
    rows_used, columns_used = rows // step * step, columns // step * step
    blocks = pixels[:rows_used, :columns_used].reshape(
        rows_used // step, step, columns_used // step, step
    )
    coarse = blocks.mean(axis=(1, 3), dtype=np.float32)
    coarse = ndimage.gaussian_filter(coarse, 1.0)
    lit = coarse > np.percentile(coarse, 30) + _SIGNAL
    height, width = lit.shape
    middle, near, far = width // 2, round(0.03 * width), round(0.10 * width)
    # Two bands beside the saturated column, which would join cornea and lens.
    bands = np.r_[middle - far : middle - near, middle + near : middle + far]
    layers = _runs(lit[:, bands].mean(axis=1) > 0.5)
    thick = [run for run in layers if run[1] - run[0] >= 0.02 * height]
    if len(thick) < 2 or thick[0][0] < 0.02 * height or thick[0][1] > 0.5 * height:
        return None
    top, bottom = max(thick[1:], key=lambda run: run[1] - run[0])
    if bottom - top < 0.12 * height or top - thick[0][1] < 0.05 * height:
        return None
    body = slice(top + (bottom - top) // 3, bottom - (bottom - top) // 6)
    open_columns = lit[body].mean(axis=0) > 0.5
    sides = [run for run in _runs(open_columns) if run[0] <= middle < run[1]]
    if not sides or sides[0][1] - sides[0][0] < 0.06 * width:
        return None
    left, right = sides[0]
    # The capsules bulge a little beyond what the bands beside the middle see.
    margin = round(0.01 * height)
    return CropBox(
        left * step,
        max(0, top - margin) * step,
        min(right * step, columns),
        min((bottom + margin) * step, rows),
    )


def propose_crop(pixels: NDArray[np.uint8], name: str) -> CropBox:
    """The square crop around the lens found in a scan (y, x), moved into the picture.

    Raises UnsuitableImageError where no cornea with a lens under it is seen.
    """
    lens = find_lens(pixels)
    if lens is None:
        raise UnsuitableImageError(
            f"{name}: no cornea with a lens below it is seen, expected an anterior-segment OCT "
            "B-scan. If it is one, place the crop by hand."
        )
    return crop_around(lens, (pixels.shape[0], pixels.shape[1]))


def crop_around(lens: CropBox, shape: tuple[int, int]) -> CropBox:
    """The square crop around a lens, moved into the picture of ``shape`` (rows, columns)."""
    middle = ((lens.top + lens.bottom) / 2, (lens.left + lens.right) / 2)
    return centered_crop(shape, middle)


def network_size(box: CropBox, shape: tuple[int, int], card_side: int) -> tuple[int, int]:
    """Rows and columns of a crop on the network's grid.

    card_side: pixels across which the network was trained to see the default crop, so the scale
    is ``card_side / default_side(shape)``: 0.5 in the paper (550 of 1100).
    """
    scale = card_side / default_side(shape)
    return max(16, round(scale * box.height)), max(16, round(scale * box.width))


def to_network_grid(crops: Tensor, size: tuple[int, int]) -> Tensor:
    """Crops (n, c, y, x) resampled to ``size`` (rows, columns), without aliasing."""
    from torch.nn import functional as F

    return F.interpolate(crops, size, mode="bilinear", align_corners=False, antialias=True)


def from_network_grid(maps: Tensor, box: CropBox) -> Tensor:
    """Maps (n, c, y, x) on the network's grid brought back to the crop's own pixels."""
    from torch.nn import functional as F

    size = (box.height, box.width)
    return F.interpolate(maps, size, mode="bilinear", align_corners=False, antialias=True)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each run of true values."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
