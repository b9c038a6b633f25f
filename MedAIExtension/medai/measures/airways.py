"""Trachea and main bronchi in a coarse chest CT, so that they don't count as lung."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Cross-section of a trachea, with room for children and for a widened one.
_AREA_MM2 = (25.0, 800.0)
_MIN_LENGTH_MM = 8.0
# Darker than lung: the middle of a trachea is air.
_LUMEN_HU = -930.0
_GROW_HU = (-970.0, -955.0, -940.0, -925.0, -910.0, -895.0)
# Only what is darker than nearly all of the lung can be told from it.
_DARKEST_PERCENT = 3.0
# The main bronchi hold less than the trachea; more than this and the growth has leaked.
_MOST_GROWTH = 2.2
_IN_PLANE = np.zeros((3, 3, 3), bool)
_IN_PLANE[1] = ndimage.generate_binary_structure(2, 1)


def find_airways(
    hu: NDArray[np.float32], air: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Trachea and main bronchi with their walls, on the canonical coarse grid (z, y, x).

    The trachea is the longest upright chain of small dark cross-sections that axial slices show
    apart from the lungs; from there darkness is followed until it would leak into the lungs.
    All False when there is no trachea in view.
    """
    chain = _trachea(hu, air, spacing_mm)
    if not chain.any():
        return chain
    found = chain
    most = _MOST_GROWTH * np.count_nonzero(chain)
    lung = hu[air & ~ndimage.binary_dilation(chain)]
    darkest = np.percentile(lung, _DARKEST_PERCENT) if lung.size else -np.inf
    for threshold in _GROW_HU:
        if threshold > darkest:
            break
        grown = ndimage.binary_propagation(chain, mask=chain | (air & (hu < threshold)))
        if np.count_nonzero(grown) > most:
            break
        found = grown
    return ndimage.binary_dilation(found, ndimage.generate_binary_structure(3, 1))


def _trachea(
    hu: NDArray[np.float32], air: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> NDArray[np.bool_]:
    labels, count = ndimage.label(air, _IN_PLANE)
    if count == 0:
        return np.zeros_like(air)
    index = np.arange(count + 1)
    area = np.bincount(labels.ravel(), minlength=count + 1) * math.prod(spacing_mm[1:])
    lowest = ndimage.minimum(hu, labels, index)
    small = (area >= _AREA_MM2[0]) & (area <= _AREA_MM2[1]) & (lowest < _LUMEN_HU)
    small[0] = False
    chains = ndimage.label(small[labels])[0]
    best, longest = 0, _MIN_LENGTH_MM
    for number, box in enumerate(ndimage.find_objects(chains), start=1):
        tall = (box[0].stop - box[0].start) * spacing_mm[0]
        wide = max((box[axis].stop - box[axis].start) * spacing_mm[axis] for axis in (1, 2))
        # Upright, and in the middle: gas in the bowel lies across, lung tips are short.
        if tall > longest and tall > 0.4 * wide:
            best, longest = number, tall
    return chains == best if best else np.zeros_like(air)
