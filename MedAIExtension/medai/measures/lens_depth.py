"""Where in the depth of the lens: from the anterior to the posterior capsule, column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTH_NAMES = ("anterior cortex", "nucleus", "posterior cortex")
PROFILE_BINS = 30


@dataclass(frozen=True, eq=False)
class DepthProfile:
    """Depth in 30 equal steps from the anterior (0) to the posterior capsule (1) of one scan.

    lens_px, cataract_px: pixels in each step. density: mean grey value in each, nan where the
    lens has no pixel.
    """

    lens_px: NDArray[np.int64]
    cataract_px: NDArray[np.int64]
    density: NDArray[np.float64]

    @property
    def cataract_fraction(self) -> NDArray[np.float64]:
        """Cataract pixels over lens pixels in each step; nan without lens."""
        return _ratio(self.cataract_px, self.lens_px)

    @property
    def thirds(self) -> tuple[tuple[int, int, float], ...]:
        """Lens pixels, cataract pixels and mean grey value of each of DEPTH_NAMES."""
        parts = []
        for lens, cataract, density in zip(
            *(np.split(a, 3) for a in (self.lens_px, self.cataract_px, self.density)), strict=True
        ):
            grey = float(np.nansum(lens * density) / lens.sum()) if lens.sum() else float("nan")
            parts.append((int(lens.sum()), int(cataract.sum()), grey))
        return tuple(parts)


def lens_depth(lens: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Depth 0..1 of each lens pixel of a scan (y, x), nan elsewhere.

    In each column 0 is the upper edge of the topmost lens pixel and 1 the lower edge of the
    lowest, so gaps (a missed pixel) don't shift the rest.
    """
    rows = np.arange(lens.shape[0], dtype=np.float32)[:, None]
    any_lens = lens.any(axis=0)
    top = lens.argmax(axis=0)
    bottom = lens.shape[0] - lens[::-1].argmax(axis=0)
    height = np.where(any_lens, bottom - top, 1)
    depth = (rows + 0.5 - top) / height
    return np.where(lens, depth, np.nan).astype(np.float32)


def depth_profile(
    pixels: NDArray, lens: NDArray[np.bool_], cataract: NDArray[np.bool_]
) -> DepthProfile:
    """Lens, cataract and grey value by depth, of a scan's pixels and masks (y, x)."""
    rows, columns = np.flatnonzero(lens.any(axis=1)), np.flatnonzero(lens.any(axis=0))
    if len(rows):
        # A full-size scan is mostly not lens.
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        pixels, lens, cataract = pixels[box], lens[box], cataract[box]
    depth = lens_depth(lens)[lens]
    step = np.minimum((depth * PROFILE_BINS).astype(np.int64), PROFILE_BINS - 1)
    count = np.bincount(step, minlength=PROFILE_BINS)
    opaque = np.bincount(step[cataract[lens]], minlength=PROFILE_BINS)
    grey = np.bincount(step, weights=pixels[lens], minlength=PROFILE_BINS)
    return DepthProfile(count, opaque, _ratio(grey, count))


def _ratio(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.full(len(b), np.nan), where=b > 0)
