"""NRRD files: headers, voxels and key-value pairs."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, ImageReadError
from medai.images.pixels import Compression, PixelLayout, read_pixels

_TYPES = {
    name: code
    for code, names in {
        "i1": ("signed char", "int8", "int8_t"),
        "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
        "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
        "i4": ("int", "signed int", "int32", "int32_t"),
        "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
        "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
        "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
        "f4": ("float",),
        "f8": ("double",),
    }.items()
    for name in names
}
_NAME_OF_TYPE = {
    "i1": "int8",
    "u1": "unsigned char",
    "i2": "short",
    "u2": "unsigned short",
    "i4": "int",
    "u4": "unsigned int",
    "i8": "int64",
    "u8": "uint64",
    "f4": "float",
    "f8": "double",
}
_COMPRESSIONS: dict[str, Compression] = {
    "raw": "",
    "gzip": "gzip",
    "gz": "gzip",
    "bzip2": "bzip2",
    "bz2": "bzip2",
}
# Signs that take a space's axes to RAS.
_SPACES = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
}
_LPS = (-1.0, -1.0, 1.0)
_MAX_HEADER_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class Nrrd:
    """A NRRD file's content.

    array: (z, y, x) or, with one axis that isn't spatial, (z, y, x, values).
    ijk_to_ras: 4×4 in mm.
    has_spacing: whether the file gave a spacing.
    keys: its key-value pairs.
    """

    array: NDArray
    ijk_to_ras: NDArray[np.float64]
    has_spacing: bool
    keys: dict[str, str]


def read_nrrd(path: Path) -> Nrrd:
    """Read ``.nrrd``, or ``.nhdr`` with its data in one file beside it.

    Raises ImageReadError when it isn't NRRD, is damaged or truncated, or holds something other
    than a 2D or 3D image with at most one further axis; GeometryError on a spacing of 0.
    """
    fields, keys, header_bytes = _read_header(path)
    try:
        return _read_body(path, fields, keys, header_bytes)
    except (KeyError, IndexError, ValueError) as error:
        if isinstance(error, ImageReadError | GeometryError):
            raise
        problem = f"no {error} field" if isinstance(error, KeyError) else str(error)
        raise ImageReadError(f"{path.name}: damaged NRRD header, {problem}.") from error


def write_nrrd(
    path: Path,
    array: NDArray,
    ijk_to_ras: NDArray[np.float64],
    keys: Mapping[str, str] | None = None,
) -> None:
    """Write (z, y, x), or (z, y, x, values) with the values as a list axis, gzip-compressed.

    ``array`` of a type that NRRD lacks (float16, bool) is the caller's to convert.
    """
    dtype = np.dtype(array.dtype).newbyteorder("<")
    origin = _vector(ijk_to_ras[:3, 3] * _LPS)
    directions = [_vector(ijk_to_ras[:3, column] * _LPS) for column in range(3)]
    kinds = ["domain"] * 3
    sizes = [*array.shape[2::-1]]
    if array.ndim == 4:
        # Values of one voxel lie together, as Slicer keeps layers and colours.
        directions.insert(0, "none")
        kinds.insert(0, "list")
        sizes.insert(0, array.shape[3])
    lines = [
        "NRRD0004",
        f"type: {_NAME_OF_TYPE[dtype.str[1:]]}",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, sizes))}",
        f"space directions: {' '.join(directions)}",
        f"kinds: {' '.join(kinds)}",
        "endian: little",
        "encoding: gzip",
        f"space origin: {origin}",
    ]
    lines += [f"{key}:={_escape(value)}" for key, value in (keys or {}).items()]
    with path.open("wb") as stream:
        stream.write(("\n".join(lines) + "\n\n").encode())
        with gzip.GzipFile(
            fileobj=stream, mode="wb", compresslevel=4, mtime=0, filename=""
        ) as zipped:
            for part in array:
                zipped.write(np.ascontiguousarray(part, dtype).data)


def _read_header(path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    with path.open("rb") as stream:
        if not stream.read(8).startswith(b"NRRD000"):
            raise ImageReadError(f"{path.name}: not a NRRD file.")
        stream.readline(256)
        fields: dict[str, str] = {}
        keys: dict[str, str] = {}
        while line := stream.readline(_MAX_HEADER_BYTES):
            text = line.decode("utf-8", errors="replace").rstrip("\r\n")
            if not text:
                break
            if text.startswith("#"):
                continue
            key, separator, value = text.partition(":=")
            field, colon, content = text.partition(": ")
            if separator and not (colon and len(field) < len(key)):
                keys[key] = _unescape(value)
            elif colon:
                fields[field.strip().lower()] = content.strip()
            if stream.tell() > _MAX_HEADER_BYTES:
                raise ImageReadError(f"{path.name}: NRRD header without an end.")
        return fields, keys, stream.tell()


def _read_body(path: Path, fields: dict[str, str], keys: dict[str, str], header: int) -> Nrrd:
    sizes = [int(word) for word in fields["sizes"].split()]
    if len(sizes) != int(fields["dimension"]):
        raise ValueError(f"dimension {fields['dimension']} but {len(sizes)} sizes")
    columns, has_spacing = _axis_columns(fields, len(sizes))
    spatial = [axis for axis, column in enumerate(columns) if column is not None]
    others = [axis for axis in range(len(sizes)) if axis not in spatial]
    if len(spatial) not in (2, 3) or len(others) > 1:
        raise ImageReadError(
            f"{path.name}: {len(sizes)} axes of sizes {tuple(sizes)}, expected a 2D or 3D image."
        )
    type_name = fields["type"].lower()
    if type_name not in _TYPES or fields["encoding"].lower() not in _COMPRESSIONS:
        raise ImageReadError(
            f"{path.name}: NRRD of type {type_name!r} and encoding {fields['encoding']!r}, "
            "expected numbers, raw, gzip or bzip2."
        )
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    data_path, offset = _data_place(path, fields, header)
    layout = PixelLayout(
        tuple(sizes[::-1]),
        np.dtype(order + _TYPES[type_name]),
        offset=offset,
        compression=_COMPRESSIONS[fields["encoding"].lower()],
    )
    array = read_pixels(data_path, layout, follow_links=data_path == path)
    last = len(sizes) - 1
    array = array.transpose(
        [last - axis for axis in reversed(spatial)] + [last - a for a in others]
    )
    matrix = _matrix(fields, [columns[axis] for axis in spatial])
    if len(spatial) == 2:
        array = array[None]
    return Nrrd(array, matrix, has_spacing, keys)


def _data_place(path: Path, fields: dict[str, str], header: int) -> tuple[Path, int]:
    if int(fields.get("line skip", fields.get("lineskip", 0))) != 0:
        raise ImageReadError(f"{path.name}: NRRD with a line skip, which isn't supported.")
    skip = int(fields.get("byte skip", fields.get("byteskip", 0)))
    name = fields.get("data file", fields.get("datafile"))
    if name is None:
        return path, -1 if skip < 0 else header + skip
    return sibling(path, name), skip


def sibling(path: Path, name: str) -> Path:
    """The data file that a header names. Raises ImageReadError unless it lies beside the header.

    A link is not followed: it could lead to any file that the user may read.
    """
    data = path.parent / name
    if data.is_symlink():
        raise ImageReadError(
            f"{path.name}: its data file {name!r} is a link, expected a file beside the header."
        )
    if Path(name).name != name or not data.is_file():
        raise ImageReadError(
            f"{path.name}: its data file {name!r} is missing, expected one file beside the header."
        )
    return data


def _axis_columns(
    fields: dict[str, str], dimension: int
) -> tuple[list[NDArray[np.float64] | None], bool]:
    """Each axis' step in the file's own space, None for an axis that isn't spatial."""
    kinds = fields.get("kinds", "").lower().split()
    if "space directions" in fields:
        words = fields["space directions"].replace(" ", "").lower().replace("none", "(none)")
        vectors = words.strip("()").split(")(")
        return [None if word == "none" else _numbers(word) for word in vectors], True
    spacings = fields.get("spacings", "").split()
    steps = [float(word) for word in spacings] or [float("nan")] * dimension
    columns: list[NDArray[np.float64] | None] = []
    for axis in range(dimension):
        listed = axis < len(kinds) and kinds[axis] not in ("domain", "space", "???", "none")
        extra = not kinds and dimension == 4 and axis == 0
        if listed or extra:
            columns.append(None)
            continue
        column = np.zeros(3)
        row = sum(c is not None for c in columns)
        if row < 3:
            column[row] = 1.0 if np.isnan(steps[axis]) else steps[axis]
        columns.append(column)
    return columns, bool(spacings)


def _matrix(
    fields: dict[str, str], columns: list[NDArray[np.float64] | None]
) -> NDArray[np.float64]:
    sign = _SPACES.get(fields.get("space", "lps").lower(), _LPS)
    directions = np.zeros((3, 3))
    for axis, column in enumerate(columns):
        if column is not None:
            directions[: len(column), axis] = column
    if len(columns) == 2:
        normal = np.cross(directions[:, 0], directions[:, 1])
        length = np.linalg.norm(normal)
        directions[:, 2] = normal / length if length > 0 else normal
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(sign)[:, None] * directions
    if "space origin" in fields:
        origin = _numbers(fields["space origin"].strip("() "))
        matrix[: len(origin), 3] = origin * sign[: len(origin)]
    return matrix


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array([float(word) for word in text.split(",")])


def _vector(values: NDArray[np.float64]) -> str:
    return "(" + ",".join(repr(float(value) + 0.0) for value in values) + ")"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _unescape(value: str) -> str:
    return value.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
