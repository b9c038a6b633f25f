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
            with _bounded(path) as stream, Image.open(stream) as picture:
                pages = getattr(picture, "n_frames", 1)
                pixels = pages * picture.width * picture.height
                if pixels > max(_TRUSTED_PIXELS, path.stat().st_size * _MAX_PIXELS_PER_BYTE):
                    raise ImageReadError(
                        f"{path.name}: the file ends early, its header declares {pixels:,} pixels."
                    )
                if pixels * 4 > MAX_BYTES:
                    raise ImageReadError(
                        f"{path.name}: {pages} pages of {picture.width}×{picture.height} pixels, "
                        f"expected at most {MAX_BYTES // 2**30} GiB."
                    )
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
