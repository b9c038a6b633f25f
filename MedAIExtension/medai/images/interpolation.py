"""Linear interpolation of a regular grid, one axis after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def linear_weights(positions: NDArray, count: int) -> NDArray[np.float32]:
    """(positions, count) weights of the samples 0..count-1; positions outside take the nearest."""
    place = np.clip(positions, 0, count - 1)
    low = np.minimum(place.astype(int), max(0, count - 2))
    weights = np.zeros((len(place), count), np.float32)
    each = np.arange(len(place))
    weights[each, low] = 1.0 - (place - low)
    if count > 1:
        weights[each, low + 1] += place - low
    return weights


def interpolate(samples: NDArray, positions: Sequence[NDArray]) -> NDArray[np.float32]:
    """A 3D array of samples at the grid of ``positions`` (indices along each axis), float32.

    Three matrix products, much faster than looking up every point by itself.
    """
    z, y, x = (linear_weights(p, n) for p, n in zip(positions, samples.shape, strict=True))
    planes = y @ samples.astype(np.float32, copy=False) @ x.T
    return np.tensordot(z, planes, axes=1)
