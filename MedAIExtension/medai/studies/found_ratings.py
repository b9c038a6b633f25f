"""Outlines that exist already, and what was understood of how they are laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import StudyError
from medai.images import Volume
from medai.studies.drawn_images import ImportedRatings
from medai.studies.exported_ratings import is_export, open_export
from medai.studies.finding_images import find_images
from medai.studies.label_masks import polarity_question, read_label_masks
from medai.studies.names import image_name, safe_name
from medai.studies.protocol import IMAGE, ROI, Label
from medai.studies.rater_folder import MASK_SUFFIXES

IMAGE_RATER, RATER_IMAGE, EXPORT = "image/rater", "rater/image", "export"
_PICTURE_SUFFIXES = (*MASK_SUFFIXES[1:], ".jpg", ".jpeg")
_READ_SUFFIXES = (*MASK_SUFFIXES, ".dcm")
_MOST_NAMED = 5

Masks = dict[str, NDArray[np.uint8]]
# Image, rater, the image's volume: masks (z, y, x) by label, and a note or "".
ReadMasks = Callable[[str, str, Volume], tuple[Masks, str]]


@dataclass(frozen=True, eq=False)
class FoundRatings:
    """layout: how it is laid out. images: the picture of each. raters: of each image, sorted.

    regions: masks of where ratings count. read: the masks of one rater on one image.
    """

    layout: str
    images: Mapping[str, Path]
    raters: Mapping[str, tuple[str, ...]]
    regions: Mapping[str, Path]
    read: ReadMasks
    notes: tuple[str, ...] = ()

    @property
    def all_raters(self) -> tuple[str, ...]:
        """Everybody who outlined anything, sorted."""
        return tuple(sorted({rater for raters in self.raters.values() for rater in raters}))

    @property
    def sentence(self) -> str:
        """What was understood, in one line."""
        count = sum(len(raters) for raters in self.raters.values())
        return (
            f"Understood as {self.layout}: {len(self.raters)} images of {len(self.all_raters)} "
            f"raters ({', '.join(self.all_raters)}), {count} outlines."
        )


def find_ratings(
    source: Path,
    labels: Sequence[Label],
    images: Path | None = None,
    *,
    layout: str | None = None,
    foreground: int | None = None,
) -> FoundRatings:
    """What ``source`` holds: a folder of masks, or an export of Labelbox or in COCO's JSON.

    labels: in label maps value k is the k-th. images: folder of the pictures, named as the masks
    are; None: they lie beside the masks (``image.*``) or the export. layout: IMAGE_RATER or
    RATER_IMAGE, None where folders and pictures tell. foreground: with one label, the value that
    marks. Raises StudyError when nobody can tell, a picture is missing, or nothing is found.
    """
    pictures = {} if images is None else _pictures(find_images([images]))
    if not source.is_dir() or (layout is None and is_export(source)):
        return _in_export(source, labels, pictures)
    files = _masks_in(source)
    if not files:
        raise StudyError(
            f"{source} holds no masks in folders: expected image/rater.* or rater/image.*."
        )
    chosen = layout or _layout(source, files, pictures)
    if chosen == RATER_IMAGE:
        masks = _turned(files)
        regions: dict[str, Path] = {}
    else:
        masks = {
            image: {name: path for name, path in found.items() if name.lower() not in (ROI, IMAGE)}
            for image, found in files.items()
        }
        regions = {
            image: path
            for image, found in files.items()
            for name, path in found.items()
            if name.lower() == ROI
        }
        if not pictures:
            pictures = {image: path for image in files for path in _beside(source / image)}
    notes = _require_pictures(masks, pictures, source)
    masks = {image: found for image, found in masks.items() if found and image in pictures}

    def read(image: str, rater: str, volume: Volume) -> tuple[Masks, str]:
        path = masks[image][rater]
        found, note = read_label_masks(path, tuple(labels), volume, foreground)
        questions = [] if foreground is not None else _questions(path, found)
        return found, " ".join([note, *questions] if note else questions)

    return FoundRatings(
        f"folders {chosen}",
        {image: pictures[image] for image in masks},
        {image: tuple(sorted(found)) for image, found in masks.items()},
        {image: path for image, path in regions.items() if image in masks},
        read,
        tuple(notes),
    )


def _questions(path: Path, masks: Masks) -> list[str]:
    asked = [polarity_question(mask) for mask in masks.values()]
    return [f"{path.name} {question} (--foreground VALUE)" for question in asked if question]


def _masks_in(source: Path) -> dict[str, dict[str, Path]]:
    """By folder, by file name without suffix, the mask; names are safe names."""
    found: dict[str, dict[str, Path]] = {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        if folder.name.startswith("."):
            continue
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or not path.name.lower().endswith(_READ_SUFFIXES):
                continue
            files = found.setdefault(safe_name(folder.name), {})
            name = image_name(path)
            if name in files:
                raise StudyError(f"Two masks share a name: {files[name]} and {path}.")
            files[name] = path
    return found


def _layout(source: Path, files: Mapping[str, Mapping[str, Path]], pictures: Iterable[str]) -> str:
    folders, names = set(files), {name for found in files.values() for name in found}
    known = set(pictures)
    if known:
        by_folder, by_file = len(folders & known), len(names & known)
        if by_folder != by_file:
            return IMAGE_RATER if by_folder > by_file else RATER_IMAGE
    elif any(name.lower() == IMAGE for name in names):
        return IMAGE_RATER
    raise StudyError(
        f"{source}: nobody can tell whether its {len(folders)} folders are images or raters: say "
        f"--layout {IMAGE_RATER} or {RATER_IMAGE}, and where the pictures are (--images FOLDER)."
    )


def _turned(files: Mapping[str, Mapping[str, Path]]) -> dict[str, dict[str, Path]]:
    turned: dict[str, dict[str, Path]] = {}
    for rater, found in files.items():
        for image, path in found.items():
            turned.setdefault(image, {})[rater] = path
    return turned


def _pictures(paths: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        name = image_name(path)
        if name in found:
            raise StudyError(f"Two images share the name {name!r}: {found[name]} and {path}.")
        found[name] = path
    return found


def _beside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    names = {IMAGE + suffix for suffix in _PICTURE_SUFFIXES}
    return [path for path in sorted(folder.iterdir()) if path.name.lower() in names][:1]


def _require_pictures(
    masks: Mapping[str, Mapping[str, Path]], pictures: Mapping[str, Path], source: Path
) -> list[str]:
    without = sorted(image for image, found in masks.items() if found and image not in pictures)
    if without:
        named = ", ".join(without[:_MOST_NAMED])
        raise StudyError(
            f"{source}: {len(without)} images have masks but no picture: {named}. Say where the "
            "pictures are (--images FOLDER)."
        )
    left = sorted(set(pictures) - {image for image, found in masks.items() if found})
    if not left:
        return []
    named = ", ".join(left[:_MOST_NAMED])
    return [f"{len(left)} pictures have no mask and are left out: {named}."]


def _in_export(source: Path, labels: Sequence[Label], pictures: Mapping[str, Path]) -> FoundRatings:
    one = len(labels) == 1
    opened: dict[str, ImportedRatings] = {}
    for entry in labels:
        try:
            opened[entry.name] = open_export(source, label=entry.name)
        except StudyError:
            if not one:
                raise
            opened[entry.name] = open_export(source)
    first = next(iter(opened.values()))
    found = {**first.pictures, **pictures}
    missing = [image for image in first.images if image not in found]
    if missing:
        raise StudyError(
            f"{source}: {len(missing)} images have outlines but no picture: "
            f"{', '.join(missing[:_MOST_NAMED])}. Say where the pictures are (--images FOLDER)."
        )

    def read(image: str, rater: str, volume: Volume) -> tuple[Masks, str]:
        masks = {}
        for name, ratings in opened.items():
            rated = ratings.ratings(image)
            masks[name] = np.asarray(rated.masks[rated.raters.index(rater)], np.uint8)
            if masks[name].shape != volume.grid_shape:
                raise StudyError(
                    f"{image}: outlines of {masks[name].shape} pixels (z, y, x) on a picture of "
                    f"{volume.grid_shape}."
                )
        return masks, ""

    return FoundRatings(
        EXPORT,
        {image: found[image] for image in first.images},
        {image: first.by_image[image] for image in first.images},
        {},
        read,
        first.notes,
    )
