"""From the paths that a user names to the images and masks of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medai.errors import StudyError
from medai.studies.names import image_name

_IMAGE_SUFFIXES = (
    *(".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd"),
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"),
)


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The images that ``paths`` name: files, DICOM folders, and what lies in a folder of images.

    Raises StudyError for a path that doesn't exist or a folder with nothing in it.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += _in_folder(path)
        elif path.is_file():
            found.append(path)
        else:
            raise StudyError(f"{path} doesn't exist: expected an image or a folder.")
    return found


def find_masks(folder: Path, images: Sequence[Path]) -> dict[str, Path]:
    """By image name, the masks in ``folder`` whose file name, without suffix, is the image's.

    Raises StudyError when the folder doesn't exist, or holds a mask of no image.
    """
    if not folder.is_dir():
        raise StudyError(f"{folder} doesn't exist: expected a folder of masks.")
    known = {image_name(path) for path in images}
    masks: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not _is_image(path):
            continue
        name = image_name(path)
        if name not in known:
            raise StudyError(f"{path} is a mask of no image: expected the name of an image.")
        if name in masks:
            raise StudyError(f"Two masks are named for image {name!r}: {masks[name]} and {path}.")
        masks[name] = path
    return masks


def _in_folder(folder: Path) -> list[Path]:
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    pictures = [path for path in entries if _is_image(path)]
    series = [path for path in entries if path.is_dir()]
    if pictures or series:
        return [*pictures, *series]
    if not entries:
        raise StudyError(f"{folder} is empty: expected images or a DICOM series.")
    # Files without an image's suffix: a DICOM series, one image.
    return [folder]


def _is_image(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(_IMAGE_SUFFIXES)
