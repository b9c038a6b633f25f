"""A copy of an image file that holds its pixels and their place in space, and nothing else."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medai.errors import ImageReadError
from medai.images.nifti import nifti_pixels_only
from medai.images.picture_metadata import jpeg_pixels_only, png_pixels_only
from medai.images.pictures import read_picture
from medai.images.reading import read_volume
from medai.images.resampling import same_grid
from medai.images.volume import Volume
from medai.images.writing import write_volume

if TYPE_CHECKING:
    from PIL.Image import Image

_REENCODED = {".tif": ("TIFF", {"compression": "tiff_deflate"}), ".bmp": ("BMP", {})}
_REENCODED[".tiff"] = _REENCODED[".tif"]


def write_without_metadata(source: Path, volume: Volume, folder: Path, name: str) -> Path:
    """Write the image at ``source`` as ``folder/name`` with a suffix; returns the new file's path.

    volume: what ``read_volume`` makes of ``source``. PNG, JPEG and NIfTI keep their coded pixels
    byte for byte, TIFF and BMP are coded anew without loss, everything else becomes NRRD. What is
    written is read again and compared: raises ImageReadError when its pixels or their place in
    space would differ, or ``source`` is damaged; OSError and OutputError when it can't be written.
    """
    suffix = next((s for s in (".nii.gz", ".nii") if source.name.lower().endswith(s)), "")
    suffix = suffix or source.suffix.lower()
    is_file = source.is_file()
    if is_file and suffix in (".png", ".jpg", ".jpeg", ".nii", ".nii.gz"):
        target = folder / f"{name}{suffix}"
        target.write_bytes(_same_pixels(source, suffix))
    elif is_file and suffix in _REENCODED:
        target = folder / f"{name}{suffix}"
        _encode_anew(source, target, suffix)
    else:
        target = folder / f"{name}.nrrd"
        write_volume(volume, target)
    _require_equal(volume, read_volume(target), source)
    return target


def _same_pixels(source: Path, suffix: str) -> bytes:
    content = source.read_bytes()
    if suffix == ".png":
        return png_pixels_only(content, source.name)
    if suffix in (".jpg", ".jpeg"):
        return jpeg_pixels_only(content, source.name)
    return nifti_pixels_only(source)


def _encode_anew(source: Path, target: Path, suffix: str) -> None:
    pages = [_page(page) for page in read_picture(source).array]
    kind, options = _REENCODED[suffix]
    several = {"save_all": True, "append_images": pages[1:]} if len(pages) > 1 else {}
    try:
        pages[0].save(target, format=kind, **options, **several)
    except (ValueError, struct.error) as error:
        raise ImageReadError(
            f"{source.name}: can't be written again without its metadata: {error}."
        ) from error


def _page(pixels: np.ndarray) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def _require_equal(before: Volume, after: Volume, source: Path) -> None:
    same = np.array_equal(before.array, after.array)
    if not same or not same_grid(before.ijk_to_ras, after.ijk_to_ras):
        raise ImageReadError(
            f"{source.name}: can't be written without its metadata: pixels or spacing would change."
        )
