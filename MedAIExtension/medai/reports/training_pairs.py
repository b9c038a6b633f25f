"""Slices and masks of a study as training pairs, in the layout that the trainers read."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.images import lung_window, to_axial
from medai.inference.lesions.result import LesionResult
from medai.output import atomic_folder, write_text
from medai.reports.pictures import png_bytes

# Values of the trainers' masks; anything else is one class, lesion.
_VALUES = {"ground-glass opacity": 1, "consolidation": 2}
_LESION = 255


def write_training_pairs(result: LesionResult, folder: Path) -> int:
    """Write ``images`` and ``masks``, one grey PNG a slice with lung; returns how many.

    Masks have 0, 1 ground-glass opacity and 2 consolidation, or 0 and 255 where a class has
    another name. File names hold a number made from the voxels, so that slices of one study stay
    together, and nothing that tells whose they are. Raises OutputError.
    """
    axial = to_axial(result.volume)
    lesions = to_axial(replace(result.volume, array=result.lesions)).array
    lungs = to_axial(replace(result.volume, array=result.lungs)).array
    known = all(name in _VALUES for name in result.classes)
    values = np.array([0, *(_VALUES[n] if known else _LESION for n in result.classes)], np.uint8)
    study = sha256(np.ascontiguousarray(result.volume.array).tobytes()).hexdigest()[:8]
    count = 0
    with atomic_folder(folder) as temporary:
        for name in ("images", "masks"):
            (temporary / name).mkdir()
        for index in np.flatnonzero(lungs.any(axis=(1, 2))):
            file = f"{study}_{index + 1:04d}.png"
            picture = lung_window(axial.array[index])
            (temporary / "images" / file).write_bytes(png_bytes(_grey(picture)))
            mask = values[lesions[index]]
            (temporary / "masks" / file).write_bytes(png_bytes(_grey(mask)))
            count += 1
        words = "corrected by hand" if result.correction else "as the network drew them, unread"
        write_text(
            temporary / "about.txt",
            f"{count} axial slices through one lung window, and lesion masks {words}. The part of "
            "a file name before the underscore is the study: keep its slices in one fold.\n",
        )
    return count


def _grey(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(array[..., None], 3, axis=-1)
