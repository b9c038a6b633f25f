"""MetaImage volumes (``.mha``, and ``.mhd`` with its data beside it)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medai.errors import GeometryError, ImageReadError
from medai.images.nrrd import sibling
from medai.images.pixels import PixelLayout, read_pixels
from medai.images.volume import Volume

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_MAX_LINES = 1000


def read_metaimage(path: Path) -> Volume:
    """Read a 2D or 3D MetaImage, grey or RGB.

    Raises ImageReadError when it isn't one, is damaged or truncated; GeometryError on a spacing
    of 0.
    """
    fields, header_bytes = _read_header(path)
    try:
        return _read_body(path, fields, header_bytes)
    except (KeyError, ValueError) as error:
        if isinstance(error, ImageReadError | GeometryError):
            raise
        problem = f"no {error} field" if isinstance(error, KeyError) else str(error)
        raise ImageReadError(f"{path.name}: damaged MetaImage header, {problem}.") from error


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        for _ in range(_MAX_LINES):
            line = stream.readline(10_000)
            key, equals, value = line.decode("utf-8", errors="replace").partition("=")
            if not line or not equals:
                break
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                return fields, stream.tell()
    raise ImageReadError(f"{path.name}: not a MetaImage file.")


def _read_body(path: Path, fields: dict[str, str], header_bytes: int) -> Volume:
    sizes = [int(word) for word in fields["DimSize"].split()]
    channels = int(fields.get("ElementNumberOfChannels", 1))
    kind = fields["ElementType"].removesuffix("_ARRAY")
    if len(sizes) not in (2, 3) or channels not in (1, 3, 4) or kind not in _TYPES:
        raise ImageReadError(
            f"{path.name}: {len(sizes)} axes, {channels} values of {kind} per voxel, "
            "expected a 2D or 3D gray or RGB image."
        )
    big_endian = fields.get("ElementByteOrderMSB", fields.get("BinaryDataByteOrderMSB", "False"))
    local = fields["ElementDataFile"].upper() == "LOCAL"
    data_path = path if local else sibling(path, fields["ElementDataFile"])
    header_size = int(fields.get("HeaderSize", 0))
    layout = PixelLayout(
        tuple(sizes[::-1]) if channels == 1 else (*sizes[::-1], channels),
        np.dtype(_TYPES[kind]).newbyteorder(">" if big_endian.lower() == "true" else "<"),
        offset=-1 if header_size < 0 else header_size + (header_bytes if local else 0),
        compression="gzip" if fields.get("CompressedData", "False").lower() == "true" else "",
    )
    array = read_pixels(data_path, layout, follow_links=data_path == path)
    if channels > 1:
        array = array[..., :3]
    if len(sizes) == 2:
        array = array[None]
    return Volume(array, _matrix(fields, len(sizes)), "", path.name)


def _matrix(fields: dict[str, str], axes: int) -> np.ndarray:
    def numbers(*names: str, default: Sequence[float] | np.ndarray) -> np.ndarray:
        text = next((fields[name] for name in names if name in fields), None)
        return np.array(default if text is None else [float(word) for word in text.split()])

    lps = np.eye(4)
    spacing = numbers("ElementSpacing", "ElementSize", default=[1.0] * axes)
    rows = numbers("TransformMatrix", "Orientation", "Rotation", default=np.eye(axes).ravel())
    # Each row of TransformMatrix is the direction of one axis.
    lps[:axes, :axes] = rows.reshape(axes, axes).T * spacing
    lps[:axes, 3] = numbers("Offset", "Position", "Origin", default=[0.0] * axes)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
