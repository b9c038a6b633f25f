"""What a trainer understood of its lesion slices: images, patients, pixels of each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from training.lesion_slices import LesionSlice, value_names


def counted(
    parts: Mapping[str, Sequence[LesionSlice]], mask_values: Mapping[str, str] | None
) -> dict[str, Any]:
    """Images, patients and pixels by name of the mask's values, of all parts together and of each.

    "lesion_px" are the pixels that training takes for lesions. mask_values: as the slices were
    read with.
    """
    everything = [item for part in parts.values() for item in part]
    return _of(everything, mask_values) | {
        name: _of(part, mask_values) for name, part in parts.items()
    }


def _of(slices: Sequence[LesionSlice], mask_values: Mapping[str, str] | None) -> dict[str, Any]:
    pixels: Counter[str] = Counter()
    lesion = 0
    for item in slices:
        names = value_names(list(item.mask_pixels), mask_values, item.name)
        for value, count in item.mask_pixels.items():
            pixels[names[value]] += count
        lesion += int((item.mask > 0).sum()) if item.mask is not None else 0
    return {
        "images": len(slices),
        "patients": len({item.patient for item in slices}),
        "pixels": dict(pixels),
        "lesion_px": lesion,
    }
