"""The lungs of a study: those given, or those found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, UnsuitableImageError
from medai.images import Volume
from medai.measures import label_lungs, segment_lungs
from medai.measures.severity import LOBE_NAMES

# Lobe label 0..5 -> 0 outside, 1 right lung, 2 left lung.
_LUNG_OF_LOBE = np.array([0, *(1 if "right" in name else 2 for name in LOBE_NAMES)], np.uint8)

# Of a mask's grid, for telling sides from lobes.
_MOST_ALONG = 128
# The middle of a lung's width, and how much of it two lungs may share.
_CORE_PERCENT = (5, 95)
_MOST_SHARED = 0.3


def lungs_of_study(volume: Volume, mask: Volume | None) -> tuple[NDArray[np.uint8], str]:
    """Lungs (1 right, 2 left, 3 of unknown side) on the volume's grid, and a sentence or "".

    mask: on the volume's grid: 1 right, 2 left (and 3 of unknown side, as this gives them), one
    value for both, or the five lobes 1..5 in the order of ``measures.severity.LOBE_NAMES``; None:
    the lungs are found. Labels 1 to 3 alone are the right lung's lobes where 1 and 2 lie above one
    another, and sides where they lie side by side.
    Raises UnsuitableImageError (no lungs), GeometryError (a mask on another grid).
    """
    if mask is None:
        found = segment_lungs(volume)
        if not found.labels.any():
            raise UnsuitableImageError(
                f"{volume.name}: no lungs found, expected a chest CT. If it shows lung, give a "
                "lung mask (--lungs)."
            )
        return found.labels, found.note
    if mask.array.shape != volume.array.shape or not np.allclose(
        mask.ijk_to_ras, volume.ijk_to_ras, atol=1e-2
    ):
        raise GeometryError(
            f"The lung mask {mask.name} has {_grid(mask)}, expected the grid of {volume.name}: "
            f"{_grid(volume)}, same place."
        )
    values = _values(mask.array)
    if len(values) == 0:
        raise UnsuitableImageError(f"The lung mask {mask.name} is empty, expected lungs.")
    if values.tolist() == [1, 2]:
        return mask.array.astype(np.uint8), ""
    if values.tolist() == [1, 2, 3] and _side_by_side(mask):
        return mask.array.astype(np.uint8), ""
    if len(values) > 2 and set(values.tolist()) <= {1, 2, 3, 4, 5}:
        return _LUNG_OF_LOBE[mask.array.astype(np.uint8)], "The lungs are those of the given lobes."
    if len(values) > 1:
        raise UnsuitableImageError(
            f"The lung mask {mask.name} has {len(values)} labels, expected 1 right and 2 left, "
            "one for both, or the lobes 1 to 5."
        )
    told = label_lungs(volume, mask.array != 0)
    note = "The lung mask does not tell right from left: told apart by the anatomy in view."
    return told.labels, f"{note} {told.note}".rstrip()


def _side_by_side(mask: Volume) -> bool:
    """Whether labels 1 and 2 lie beside one another, from right to left, as lungs do.

    Lobes of one lung lie above one another: seen from above they cover the same.
    """
    step = 1 + max(mask.array.shape) // _MOST_ALONG
    array = mask.array[::step, ::step, ::step]
    toward_right = step * mask.ijk_to_ras[0, :3]
    spans = []
    for label in (1, 2):
        z, y, x = np.nonzero(array == label)
        along = x * toward_right[0] + y * toward_right[1] + z * toward_right[2]
        spans.append(np.percentile(along, _CORE_PERCENT) if len(along) else np.zeros(2))
    (low, high), (other_low, other_high) = spans
    shared = min(high, other_high) - max(low, other_low)
    return bool(shared < _MOST_SHARED * min(high - low, other_high - other_low))


def _values(array: NDArray) -> NDArray:
    """The values of a mask but 0, in order."""
    if array.dtype == np.uint8:
        # Plane by plane: sorting a large mask would take longer than finding the lungs.
        counts = np.sum([np.bincount(plane.ravel(), minlength=256) for plane in array], axis=0)
        return np.flatnonzero(counts)[1 if counts[0] else 0 :]
    values = np.unique(array)
    return values[values != 0]


def _grid(volume: Volume) -> str:
    sizes = "×".join(map(str, volume.grid_shape))
    spacing = "×".join(f"{s:.3g}" for s in volume.spacing_mm)
    return f"{sizes} voxels of {spacing} mm"
