"""Plain pictures: PNG, JPEG, TIFF, BMP."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from medai.errors import ImageReadError, MissingDependencyError
from medai.images.pixels import MAX_BYTES
from medai.images.volume import Volume

if TYPE_CHECKING:
    from PIL.Image import Image

# A picture lies as it is shown: columns toward the patient's left, rows toward the back; 1 mm.
PICTURE_IJK_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# One-bit pixels, deflated as far as can be; small pictures may be anything.
_TRUSTED_PIXELS = 32 * 2**20
_MAX_PIXELS_PER_BYTE = 8 * 1032
# Pillow goes by content: an EPS by another name would start Ghostscript.
_FORMATS = {
    ".png": ("PNG",),
    ".jpg": ("JPEG",),
    ".jpeg": ("JPEG",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".bmp": ("BMP",),
}
# What the pictures of a study need as an array, whatever the file's size; and how many times its
# size a larger one may become.
_TRUSTED_BYTES = 256 * 2**20
_MAX_GROWTH = 100
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "LA": 1, "I": 4, "F": 4}
_GREY_MODES = {"1": "L", "L": "L", "LA": "L", "I": "I", "F": "F"}


def read_picture(path: Path) -> Volume:
    """Read a picture as (1, y, x) grey or (1, y, x, 3) RGB; a TIFF's pages become slices.

    Colour whose three channels are the same is read as grey. Transparency is left out. 1 mm stands
    in for the spacing. Raises ImageReadError when it isn't a picture, or is damaged.
    """
    try:
        from PIL import Image, ImageOps, ImageSequence
    except ImportError as error:
        raise MissingDependencyError(
            "Pillow is needed to read pictures: pip install pillow."
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            formats = _FORMATS[path.suffix.lower()]
            with _bounded(path) as stream, Image.open(stream, formats=formats) as picture:
                room = _Room(path)
                for page in ImageSequence.Iterator(picture):
                    room.take(page)
                slices = [
                    _pixels(ImageOps.exif_transpose(page))
                    for page in ImageSequence.Iterator(picture)
                ]
    except ImageReadError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageReadError(f"{path.name}: more pixels than a picture can have.") from error
    except Exception as error:  # Pillow's plugins raise many types on damaged files.
        raise ImageReadError(f"{path.name}: not a readable picture, or damaged.") from error
    if len({page.shape for page in slices}) > 1:
        raise ImageReadError(f"{path.name}: its pages differ in size, expected equal pages.")
    array = np.stack(slices)
    if array.ndim == 4 and (array[..., :1] == array[..., 1:]).all():
        array = np.ascontiguousarray(array[..., 0])
    return Volume(array, PICTURE_IJK_TO_RAS, "", path.name, has_spacing=False)


class _Room:
    """What the pages read so far need, each by its own size, held against what the file can be."""

    def __init__(self, path: Path) -> None:
        self._name, self._file_bytes = path.name, path.stat().st_size
        self._pages = self._pixels = self._bytes = 0

    def take(self, page: Image) -> None:
        """Count a page before its pixels are read. Raises ImageReadError when it is too much."""
        self._pages += 1
        self._pixels += page.width * page.height
        wide = 2 if page.mode.startswith("I;16") else _BYTES_PER_PIXEL.get(page.mode, 3)
        self._bytes += page.width * page.height * wide
        if self._pixels > max(_TRUSTED_PIXELS, self._file_bytes * _MAX_PIXELS_PER_BYTE):
            raise ImageReadError(
                f"{self._name}: the file ends early, its header declares {self._pixels:,} pixels."
            )
        largest = min(MAX_BYTES, max(_TRUSTED_BYTES, self._file_bytes * _MAX_GROWTH))
        if self._bytes > largest:
            raise ImageReadError(
                f"{self._name}: {self._pages} pages of {self._bytes / 2**20:,.0f} MiB, expected "
                f"at most {largest / 2**20:,.0f} MiB in a file of {self._file_bytes:,} bytes."
            )


@contextmanager
def _bounded(path: Path) -> Iterator[IO[bytes]]:
    """The file as a stream that never makes room for more bytes than it has left.

    A file object makes room first for as many as it is asked for, and Pillow asks for as many as a
    damaged PNG chunk declares.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as stream:
        yield cast("IO[bytes]", stream)


def _pixels(page: Image) -> NDArray:
    if page.mode.startswith("I;16"):
        return np.asarray(page).astype(np.uint16)
    return np.asarray(page.convert(_GREY_MODES.get(page.mode, "RGB")))
