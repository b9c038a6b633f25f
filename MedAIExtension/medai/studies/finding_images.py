"""From the paths that a user names to the images and masks of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medai.errors import ImageReadError, StudyError
from medai.images.dicom_series import find_series, is_dicom
from medai.studies.names import image_name

_IMAGE_SUFFIXES = (
    *(".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd"),
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"),
)

# Modalities whose every file is an image of its own, whatever series it belongs to.
_PROJECTIONS = ("CR", "DX", "MG", "IO", "PX", "RG", "RF", "XA", "US", "XC", "OP", "ES", "GM", "SM")
_MOST_NAMED = 5


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The images that ``paths`` name: files, DICOM folders, and what lies in a folder of images.

    Every X-ray (photograph, ultrasound …) in DICOM is an image of its own; slices of one series are
    one. Nothing is passed over: raises StudyError for a path that doesn't exist, an empty folder,
    links that lead nowhere, files that are no images, and several series of slices in one folder.
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
    entries = sorted(path for path in folder.iterdir() if not _of_the_system(path.name))
    broken = [path for path in entries if path.is_symlink() and not path.exists()]
    if broken:
        raise StudyError(f"{folder} holds links that lead nowhere: {_listed(broken)}.")
    if not entries:
        raise StudyError(f"{folder} is empty: expected images or a DICOM series.")
    pictures = [path for path in entries if _is_image(path)]
    folders = [path for path in entries if path.is_dir()]
    rest = [path for path in entries if path not in pictures and path not in folders]
    strange = [path for path in rest if not is_dicom(path)]
    if strange:
        raise StudyError(
            f"{folder} holds files that are no images: {_listed(strange)}. Take them out, or name "
            "the images one by one."
        )
    loose = _loose_dicom(folder, rest, is_alone=not pictures and not folders)
    return [*pictures, *(image for each in folders for image in _series_in(each)), *loose]


def _series_in(folder: Path) -> list[Path]:
    """The images of a folder inside the one that was named: a DICOM series, or X-rays."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    dicom = [path for path in files if not _of_the_system(path.name) and is_dicom(path)]
    if not dicom:
        return [folder]  # Reading it says what is wrong with it.
    return _loose_dicom(folder, dicom, is_alone=True)


def _loose_dicom(folder: Path, files: Sequence[Path], *, is_alone: bool) -> list[Path]:
    """The images among DICOM files of one folder: the folder where they are one series.

    is_alone: whether nothing else lies there, so that the folder can stand for its series.
    Raises StudyError for several series of slices: which of them is meant nobody can tell.
    """
    series: dict[tuple[str, tuple[int, int]], list[Path]] = {}
    images: list[Path] = []
    for path in files:
        if path.name.upper() == "DICOMDIR":
            continue
        try:
            (part, *_) = find_series(path)
        except ImageReadError as error:
            raise StudyError(f"{path} can't be read: {error}") from error
        if part.modality in _PROJECTIONS or len(part.frames) > 1:
            images.append(path)
        else:
            series.setdefault((part.uid, part.grid), []).append(path)
    stacks = [paths for paths in series.values() if len(paths) > 1]
    if is_alone and len(series) == 1 and stacks and not images:
        return [folder]
    if stacks:
        counts = " and ".join(str(len(paths)) for paths in series.values())
        raise StudyError(
            f"{folder} holds more than one image: series of {counts} slices"
            + (f" and {len(images)} single images" if images else "")
            + ". Put each series into a folder of its own."
        )
    return sorted([*images, *(path for paths in series.values() for path in paths)])


def _listed(paths: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in paths[:_MOST_NAMED])
    more = len(paths) - _MOST_NAMED
    return names + (f" and {more} more" if more > 0 else "")


def _of_the_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini")


def _is_image(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(_IMAGE_SUFFIXES)
