"""What a browser needs to draw an image: slices as bytes, and the gray values to begin with."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.images.orientation import AxialVolume
from medai.images.window import LUNG_WINDOW_HIGH_HU, LUNG_WINDOW_LOW_HU

_SAMPLES = 200_000
# Name, lowest and highest value in Hounsfield units.
CT_WINDOWS = (
    ("lung", LUNG_WINDOW_LOW_HU, LUNG_WINDOW_HIGH_HU),
    ("soft tissue", -160.0, 240.0),
    ("bone", -450.0, 1050.0),
)


@dataclass(frozen=True, eq=False)
class ShownPixels:
    """Slices of an image as a browser reads them.

    array: (z, y, x) or (z, y, x, 3), of a type in ``kind``: "uint8", "int16" or "float32".
    windows: name, lowest and highest gray value, the first to begin with; empty for color.
    """

    array: NDArray
    kind: str
    windows: tuple[tuple[str, float, float], ...]

    def slice_bytes(self, z: int) -> bytes:
        """One slice, little-endian, rows from the top. Raises IndexError outside the image."""
        if not 0 <= z < len(self.array):
            raise IndexError(z)
        wanted = np.dtype(self.kind)
        found = np.ascontiguousarray(self.array[z], wanted)
        return (found if sys.byteorder == "little" else found.byteswap()).tobytes()


def shown_pixels(axial: AxialVolume) -> ShownPixels:
    """How ``axial`` is shown: color as 8 bit, gray in the smallest type that holds it exactly."""
    array = axial.array
    if axial.is_color:
        if array.dtype != np.uint8:
            low, high = _range(array)
            array = np.clip((array - low) * (255.0 / max(high - low, 1e-9)), 0, 255)
        return ShownPixels(array, "uint8", ())
    low, high = float(array.min()), float(array.max())
    if array.dtype == np.uint8:
        kind = "uint8"
    elif np.issubdtype(array.dtype, np.integer) and low >= -32768 and high <= 32767:
        kind = "int16"
    else:
        kind = "float32"
    if axial.modality == "CT":
        return ShownPixels(array, kind, CT_WINDOWS)
    whole = ("all values", low, max(high, low + 1e-6))
    if kind == "uint8":
        return ShownPixels(array, kind, (("all values", 0.0, 255.0),))
    dark, bright = _range(array)
    return ShownPixels(array, kind, (("automatic", dark, max(bright, dark + 1e-6)), whole))


def _range(array: NDArray) -> tuple[float, float]:
    step = max(1, array.size // _SAMPLES)
    dark, bright = np.percentile(array.ravel()[::step], (0.5, 99.5))
    return float(dark), float(bright)
