"""NIfTI-1 and NIfTI-2 volumes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medai.errors import ImageReadError
from medai.images.pixels import PixelLayout, read_pixels
from medai.images.volume import Volume

# Field, type and place in the header, by version (the NIfTI-1 and NIfTI-2 standards).
_FIELDS = {
    1: {
        "dim": (40, "8i2"),
        "datatype": (70, "i2"),
        "pixdim": (76, "8f4"),
        "vox_offset": (108, "f4"),
        "scl_slope": (112, "f4"),
        "scl_inter": (116, "f4"),
        "xyzt_units": (123, "u1"),
        "qform_code": (252, "i2"),
        "sform_code": (254, "i2"),
        "quatern": (256, "3f4"),
        "qoffset": (268, "3f4"),
        "srow": (280, "12f4"),
    },
    2: {
        "datatype": (12, "i2"),
        "dim": (16, "8i8"),
        "pixdim": (104, "8f8"),
        "vox_offset": (168, "i8"),
        "scl_slope": (176, "f8"),
        "scl_inter": (184, "f8"),
        "qform_code": (344, "i4"),
        "sform_code": (348, "i4"),
        "quatern": (352, "3f8"),
        "qoffset": (376, "3f8"),
        "srow": (400, "12f8"),
        "xyzt_units": (500, "i4"),
    },
}
_HEADER_BYTES = {1: 348, 2: 540}
# Where free text stands in the header: place and length.
_TEXTS = {
    1: ((4, 10), (14, 18), (148, 80), (228, 24), (328, 16)),
    2: ((240, 80), (320, 24), (508, 16), (525, 15)),
}
_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_COLOR_CHANNELS = {128: 3, 2304: 4}
_MM_OF_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_LARGEST_WHOLE = 2**14
_SPACE_UNIT_BITS = 0x07
_Order = Literal["<", ">"]
_ORDERS: tuple[_Order, _Order] = ("<", ">")


def read_nifti(path: Path) -> Volume:
    """Read ``.nii`` or ``.nii.gz``; the sform gives the place in space, else the qform.

    Raises ImageReadError when it isn't NIfTI, is damaged or truncated, or isn't a 2D or 3D image;
    GeometryError on a spacing of 0.
    """
    fields, _, layout = _header(path)
    array = read_pixels(path, layout)
    if int(fields["datatype"]) in _COLOR_CHANNELS:
        array = array[..., :3]
    else:
        array = _rescaled(array, float(fields["scl_slope"]), float(fields["scl_inter"]))
    return Volume(array, _matrix(fields), "", path.name)


def nifti_pixels_only(path: Path) -> bytes:
    """The bytes of a NIfTI file without descriptions, names and extensions; voxels as they are.

    Compressed where the file is. Raises as ``read_nifti``.
    """
    _, version, layout = _header(path)
    content = path.read_bytes()
    compressed = _is_gzip(path)
    try:
        plain = bytearray(gzip.decompress(content) if compressed else content)
    except (OSError, EOFError, zlib.error) as error:
        raise ImageReadError(f"{path.name}: its gzip data are damaged.") from error
    del plain[layout.skip + math.prod(layout.shape) * layout.dtype.itemsize :]
    for place, length in _TEXTS[version]:
        plain[place : place + length] = bytes(length)
    # Extensions (DICOM tags, comments) lie between the header and the voxels.
    first = _HEADER_BYTES[version]
    plain[first : layout.skip] = bytes(layout.skip - first)
    # A gzip header can hold a name and a time: this one has neither.
    return gzip.compress(plain, mtime=0) if compressed else bytes(plain)


def _header(path: Path) -> tuple[dict[str, NDArray], int, PixelLayout]:
    """The header's fields, its version, and where the voxels lie."""
    head = _first_bytes(path, _HEADER_BYTES[2])
    version, order = _version(path, head)
    fields = {
        name: np.frombuffer(head, np.dtype(kind).newbyteorder(order), 1, place)[0]
        for name, (place, kind) in _FIELDS[version].items()
    }
    dim = [int(size) for size in fields["dim"]]
    extra = [size for size in dim[4 : dim[0] + 1] if size != 1]
    if not 2 <= dim[0] <= 7 or extra:
        raise ImageReadError(
            f"{path.name}: {dim[0]} axes of sizes {tuple(dim[1 : max(dim[0], 0) + 1])}, "
            "expected a 2D or 3D image."
        )
    sizes = (*dim[1 : min(dim[0], 3) + 1], 1)[:3]
    code = int(fields["datatype"])
    channels = _COLOR_CHANNELS.get(code)
    if code not in _TYPES and channels is None:
        raise ImageReadError(f"{path.name}: NIfTI data type {code}, expected numbers or RGB.")
    if not np.isfinite(fields["vox_offset"]):
        raise ImageReadError(f"{path.name}: damaged NIfTI header, vox_offset is not a number.")
    layout = PixelLayout(
        sizes[::-1] if channels is None else (*sizes[::-1], channels),
        np.dtype(_TYPES.get(code, "u1")).newbyteorder(order),
        skip=max(int(fields["vox_offset"]), _HEADER_BYTES[version]),
        compression="gzip" if _is_gzip(path) else "",
    )
    return fields, version, layout


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(4096)
    if not head.startswith(b"\x1f\x8b"):
        return head[:count]
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, count)
    except zlib.error as error:
        raise ImageReadError(f"{path.name}: its gzip data are damaged.") from error


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _version(path: Path, head: bytes) -> tuple[int, _Order]:
    for version, size in _HEADER_BYTES.items():
        for order in _ORDERS:
            number = int.from_bytes(head[:4], "little" if order == "<" else "big")
            magic = head[344:347] if version == 1 else head[4:7]
            if number == size and len(head) >= size and magic == b"n+" + str(version).encode():
                return version, order
    raise ImageReadError(f"{path.name}: not a NIfTI file (.nii or .nii.gz).")


def _rescaled(array: NDArray, slope: float, intercept: float) -> NDArray:
    if slope == 0 or not np.isfinite([slope, intercept]).all() or (slope, intercept) == (1, 0):
        return array
    whole = slope.is_integer() and intercept.is_integer()
    if array.dtype.kind in "iu" and whole and max(abs(slope), abs(intercept)) < _LARGEST_WHOLE:
        wide = np.int32 if array.dtype.itemsize <= 2 else np.int64
        return array.astype(wide) * int(slope) + int(intercept)
    scaled = array.astype(np.float32)
    scaled *= np.float32(slope)
    scaled += np.float32(intercept)
    return scaled


def _matrix(fields: dict[str, NDArray]) -> NDArray[np.float64]:
    pixdim = np.asarray(fields["pixdim"], float)
    matrix = np.eye(4)
    if fields["sform_code"] > 0:
        matrix[:3] = np.asarray(fields["srow"], float).reshape(3, 4)
    elif fields["qform_code"] > 0:
        steps = pixdim[1:4] * (1.0, 1.0, -1.0 if pixdim[0] < 0 else 1.0)
        matrix[:3, :3] = _rotation(np.asarray(fields["quatern"], float)) * steps
        matrix[:3, 3] = fields["qoffset"]
    else:
        matrix[:3, :3] = np.diag(pixdim[1:4])
    unit = int(fields["xyzt_units"]) & _SPACE_UNIT_BITS
    matrix[:3] *= _MM_OF_UNIT.get(unit, 1.0)
    return matrix


def _rotation(bcd: NDArray[np.float64]) -> NDArray[np.float64]:
    b, c, d = bcd
    a = np.sqrt(max(0.0, 1.0 - (bcd**2).sum()))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
