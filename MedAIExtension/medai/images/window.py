"""The one lung window: Hounsfield units to the 8-bit greys that the models see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The labelled training slices come as 8-bit pictures without their window. Over the 50 slices the
# trachea has a median grey of 12, aerated lung 44, ground glass 91 and soft tissue 214; with air at
# -1000 HU, lung near -840, ground glass near -600 and soft tissue at 45 HU a straight line through
# them runs from -1050 HU (black) to 250 HU (white).
LUNG_WINDOW_LOW_HU = -1050.0
LUNG_WINDOW_HIGH_HU = 250.0

# Slices converted at once, so that a large study never stands in memory as float as a whole.
_SLAB = 16


def lung_window(hu: NDArray) -> NDArray[np.uint8]:
    """Greys 0..255 of CT values in Hounsfield units, any shape.

    Linear from LUNG_WINDOW_LOW_HU (0) to LUNG_WINDOW_HIGH_HU (255), clipped, rounded to the
    nearest. The same function prepares training slices, phantoms and studies.
    """
    hu = np.asarray(hu)
    grey = np.empty(hu.shape, np.uint8)
    if hu.ndim < 3:
        grey[...] = _to_grey(hu)
        return grey
    for start in range(0, len(hu), _SLAB):
        grey[start : start + _SLAB] = _to_grey(hu[start : start + _SLAB])
    return grey


def _to_grey(hu: NDArray) -> NDArray[np.float32]:
    scale = np.float32(255.0 / (LUNG_WINDOW_HIGH_HU - LUNG_WINDOW_LOW_HU))
    grey = (hu.astype(np.float32) - np.float32(LUNG_WINDOW_LOW_HU)) * scale
    np.clip(grey, 0.0, 255.0, out=grey)
    return np.rint(grey, out=grey)
