"""Lesion slices: pictures of axial CT with a mask each, found, checked, oriented and split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from medai.errors import TrainingDataError
from medai.images.natural_order import natural_order

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
ORIENTATIONS = ("none", "90", "180", "270", "transpose")
CLASSES = ("ground-glass opacity", "consolidation")
GROUND_GLASS, CONSOLIDATION = 1, 2
# Value 1 of unnamed masks is ground glass; above this share of both halves of the picture, in the
# median, it is more likely the lung (CNCB's masks; ground glass of whole sets stays far below).
MOST_GROUND_GLASS_SHARE = 0.15
# What a value of a mask may be called (``mask_values``), and the class it becomes.
MASK_NAMES: Mapping[str, int] = {
    "background": 0,
    "lung": 0,
    CLASSES[0]: GROUND_GLASS,
    CLASSES[1]: CONSOLIDATION,
    "lesion": GROUND_GLASS,
}


@dataclass(frozen=True, eq=False)
class LesionSlice:
    """One slice in display orientation (rows toward posterior, columns toward the patient's left).

    image: (y, x) uint8, lung window. mask: (y, x) uint8, 0 background, then the classes, or None
    where there is no outline. patient: who it belongs to; slices of one patient stay together.
    mask_pixels: how many pixels of the file had each value, before values became classes.
    """

    name: str
    patient: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None
    mask_pixels: Mapping[int, int] = field(default_factory=dict)


def orient(array: NDArray, rotate: str) -> NDArray:
    """``array`` (y, x) brought to display orientation, as a view.

    rotate: "90", "180", "270" degrees counter-clockwise; "transpose" swaps rows and columns (how a
    NIfTI array (x, y) lies when it was saved as a picture unturned); "none".
    """
    if rotate not in ORIENTATIONS:
        raise TrainingDataError(f"rotate = {rotate!r}, expected one of {', '.join(ORIENTATIONS)}.")
    if rotate == "transpose":
        return array.T
    return np.rot90(array, 0 if rotate == "none" else int(rotate) // 90)


def read_lesion_slices(
    images: Path,
    masks: Path | None,
    *,
    rotate: str = "none",
    patients: str | None = None,
    listed: Path | None = None,
    mask_values: Mapping[str, str] | None = None,
) -> list[LesionSlice]:
    """All slices of the folder ``images``, with the equally named mask of the folder ``masks``.

    Masks are palette or grey pictures. mask_values: what each value of a mask is, one of
    MASK_NAMES ({"0": "background", "1": "lung", …}); None: class numbers 0, 1, 2, or binary 0/255
    (255 counts as class 1). rotate: see ``orient``. patients: regular expression whose first group
    in the file name is the patient; None takes the name's part before the last ``_`` where it has
    one, and else groups slices that look alike (``look_alike_groups``). listed: see
    ``listed_files``. Raises TrainingDataError for an empty folder, an image without mask, sizes
    that differ, an unreadable picture, a value of a mask that has no name, or unnamed masks whose
    value 1 is as large as lungs are.
    """
    files = listed_files(images, listed)
    slices = []
    for file in files:
        image = orient(read_grey(file), rotate)
        mask, counts = None, {}
        if masks is not None:
            mask_file = mask_of(file, masks)
            mask, counts = read_mask(mask_file, mask_values)
            mask = orient(mask, rotate)
            if mask.shape != image.shape:
                raise TrainingDataError(
                    f"{mask_file.name}: {mask.shape[1]}×{mask.shape[0]} px, but its image "
                    f"{file.name} has {image.shape[1]}×{image.shape[0]} px."
                )
        patient = _patient(file.stem, patients)
        slices.append(LesionSlice(file.stem, patient, image, mask, counts))
    if mask_values is None and masks is not None and not _binary(slices):
        _refuse_lungs(slices, masks)
    if patients is None and not any("_" in item.name for item in slices):
        groups = look_alike_groups([item.image for item in slices])
        slices = [
            replace(item, patient=f"group {group}")
            for item, group in zip(slices, groups, strict=True)
        ]
    return slices


def picture_files(folder: Path) -> list[Path]:
    """The pictures of ``folder`` in natural order of their names."""
    if not folder.is_dir():
        raise TrainingDataError(f"{folder} is not a folder, expected a folder of pictures.")
    files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]
    if not files:
        raise TrainingDataError(f"{folder} holds no pictures ({', '.join(PICTURES)}).")
    return sorted(files, key=lambda file: natural_order(file.name))


def listed_files(folder: Path, listed: Path | None) -> list[Path]:
    """The pictures of ``folder``, or those that the text file ``listed`` names.

    Each line begins with a file name (CNCB's and COVIDx-CT's ``train_split…`` lists; what follows
    a space is ignored). Raises TrainingDataError for a name without a file, or an empty list.
    """
    if listed is None:
        return picture_files(folder)
    names = [line.split()[0] for line in listed_lines(listed)]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise TrainingDataError(
            f"{missing[0]} of the list {listed.name} is not in {folder} "
            f"({len(missing)} of {len(names)} are missing)."
        )
    return [folder / name for name in names]


def listed_lines(listed: Path) -> list[str]:
    """The lines of a split's list that are not empty. Raises TrainingDataError for none."""
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TrainingDataError(f"Can't read the list {listed}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise TrainingDataError(f"The list {listed} is not UTF-8 text.") from None
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise TrainingDataError(f"The list {listed} names no pictures.")
    return lines


def read_grey(file: Path) -> NDArray[np.uint8]:
    """A picture as (y, x) uint8 grey."""
    return np.array(_open(file).convert("L"))


def look_alike_groups(images: Sequence[NDArray], least_correlation: float = 0.77) -> list[int]:
    """A group number for each image; images whose 48×48 thumbnails correlate share a group.

    Where a data set does not say which slices come from one patient, neighbouring slices of one
    scan still look alike; keeping them together keeps a split from leaking.
    """
    from scipy.sparse.csgraph import connected_components

    thumbs = np.stack(
        [np.asarray(Image.fromarray(i).resize((48, 48)), np.float64).ravel() for i in images]
    )
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    thumbs /= np.maximum(np.linalg.norm(thumbs, axis=1, keepdims=True), 1e-9)
    _, labels = connected_components(thumbs @ thumbs.T >= least_correlation, directed=False)
    return [int(label) for label in labels]


def split_folds(patients: Sequence[str], folds: int, seed: int = 0) -> list[int]:
    """A fold number 0..folds-1 for each slice; a patient's slices share one fold.

    Patients go, largest first and then in seeded random order, to the fold with fewest slices.
    """
    names, counts = np.unique(np.asarray(patients), return_counts=True)
    if len(names) < folds:
        raise TrainingDataError(f"{len(names)} patients can't fill {folds} folds.")
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    filled = [0] * folds
    fold_of = {}
    for index in order:
        fold = int(np.argmin(filled))
        fold_of[str(names[index])] = fold
        filled[fold] += int(counts[index])
    return [fold_of[patient] for patient in patients]


def mask_of(file: Path, masks: Path) -> Path:
    """The mask of the folder ``masks`` for the picture ``file``: of the same name, any suffix."""
    for suffix in PICTURES:
        candidate = masks / (file.stem + suffix)
        if candidate.is_file():
            return candidate
    raise TrainingDataError(f"{file.name} has no mask of the same name in {masks}.")


def read_mask(
    file: Path, mask_values: Mapping[str, str] | None = None
) -> tuple[NDArray[np.uint8], dict[int, int]]:
    """A mask (y, x) as class numbers, and how many pixels have each value of the file.

    Class numbers are 0 background, 1 ground glass or lesion, 2 consolidation.
    """
    picture = _open(file)
    mask = np.array(picture if picture.mode == "P" else picture.convert("L"))
    counts = np.bincount(mask.ravel(), minlength=256)
    values = np.flatnonzero(counts).tolist()
    classes = np.zeros(256, np.uint8)
    for value, name in value_names(values, mask_values, file.name).items():
        classes[value] = MASK_NAMES[name]
    return classes[mask], {value: int(counts[value]) for value in values}


def value_names(
    values: Sequence[int], mask_values: Mapping[str, str] | None, where: str
) -> dict[int, str]:
    """What the ``values`` of a mask are called.

    Without ``mask_values`` 0, 1, 2 are background and the two classes, 0 and 255 background and
    lesion. Raises TrainingDataError for a value without a name, or a name that is not known.
    """
    if mask_values is None:
        named = dict(enumerate(("background", *CLASSES)))
        if set(values) <= {0, 255}:
            named = {0: "background", 255: "lesion"}
    else:
        named = {_as_value(key): name for key, name in mask_values.items()}
        strange = [name for name in named.values() if name not in MASK_NAMES]
        if strange:
            raise TrainingDataError(
                f"mask_values: {strange[0]!r}, expected {', '.join(MASK_NAMES)}."
            )
    unnamed = [value for value in values if value not in named]
    if unnamed:
        expected = "classes 0, 1, 2 or 0 and 255; others need mask_values"
        if mask_values is not None:
            expected = f"those named in mask_values: {', '.join(map(str, sorted(named)))}"
        raise TrainingDataError(f"{where}: values {unnamed[:5]}, expected {expected}.")
    return {value: named[value] for value in values}


def _refuse_lungs(slices: Sequence[LesionSlice], masks: Path) -> None:
    """Raise TrainingDataError where value 1 covers as much of both halves as lungs do."""
    shares = [_less_covered_half(item.mask) for item in slices if item.mask is not None]
    share = float(np.median(shares))
    if share > MOST_GROUND_GLASS_SHARE:
        raise TrainingDataError(
            f"{masks}: value 1 covers {100 * share:.0f} % and more of both halves of the pictures "
            f"in the median, as lungs do, and would become {CLASSES[0]}; say what the values are "
            "in mask_values."
        )


def _binary(slices: Sequence[LesionSlice]) -> bool:
    return all(set(item.mask_pixels) <= {0, 255} for item in slices)


def _less_covered_half(mask: NDArray[np.uint8]) -> float:
    """The share of value 1 in the left or the right half of a mask (y, x), the smaller one."""
    middle = mask.shape[1] // 2
    return min(float((half == 1).mean()) for half in (mask[:, :middle], mask[:, middle:]))


def _as_value(key: str) -> int:
    if not key.isdecimal() or int(key) > 255:
        raise TrainingDataError(
            f"mask_values: {key!r} is not a value of a mask, expected 0 to 255."
        )
    return int(key)


def _open(file: Path) -> Image.Image:
    try:
        picture = Image.open(file)
        picture.load()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise TrainingDataError(f"{file} can't be read as a picture: {error}.") from None
    return picture


def _patient(stem: str, pattern: str | None) -> str:
    if pattern is None:
        return stem.rpartition("_")[0] or stem
    match = re.search(pattern, stem)
    if match is None or not match.groups():
        raise TrainingDataError(f"{stem}: no patient found by the pattern {pattern!r}.")
    return match.group(1)
