"""The one contrast that every radiograph has before a network sees it, in training and at work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Greys under and over these percentiles become black and white: markers and collimator edges.
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.0


def even_contrast(pixels: NDArray) -> NDArray[np.uint8]:
    """Pixels (y, x) of any depth as uint8, stretched between two percentiles of the picture.

    A picture of one grey becomes black.
    """
    values = pixels.astype(np.float32)
    low, high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    stretched = (values - low) * (255.0 / (high - low))
    return np.clip(np.rint(stretched), 0, 255).astype(np.uint8)
