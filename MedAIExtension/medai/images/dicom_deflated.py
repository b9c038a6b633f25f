"""DICOM files that are deflated as a whole: how large they become, before they are inflated."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from medai.errors import ImageReadError

DEFLATED = b"1.2.840.10008.1.2.1.99"
_PREAMBLE_BYTES = 132
_CHUNK = 1 << 20
# Any slice or small stack; and how many times its size a larger file may become.
_TRUSTED_BYTES = 256 * 2**20
_MAX_GROWTH = 100


def check_deflated(stream: BinaryIO, path: Path) -> None:
    """Raise ImageReadError when the file inflates to more than an image of its size can be.

    pydicom and GDCM both inflate the whole file at once. A file of another transfer syntax, or
    with a damaged head, is left to its reader.
    """
    start = _deflated_start(stream)
    if start is None:
        return
    stream.seek(0, 2)
    largest = max(_TRUSTED_BYTES, stream.tell() * _MAX_GROWTH)
    stream.seek(start)
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        pending = stream.read(_CHUNK)
        while pending and not inflater.eof:
            size += len(inflater.decompress(pending, _CHUNK))
            if size > largest:
                raise ImageReadError(
                    f"{path.name}: deflated DICOM of over {largest // 2**20:,} MiB, expected an "
                    "image that fits its file."
                )
            pending = inflater.unconsumed_tail or stream.read(_CHUNK)
    except zlib.error as error:
        raise ImageReadError(f"{path.name}: its deflated data are damaged.") from error


def _deflated_start(stream: BinaryIO) -> int | None:
    """Where the deflated data start: behind the file meta group, which is explicit little endian.

    Read element by element up to the first that isn't of group 2, as readers do, since its stated
    length need not be true.
    """
    stream.seek(_PREAMBLE_BYTES)
    deflated = False
    while True:
        place = stream.tell()
        head = stream.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            return place if deflated else None
        length = struct.unpack("<H", head[6:])[0]
        if head[4:6] in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF"):
            length = struct.unpack("<I", stream.read(4).ljust(4, b"\0"))[0]
        value = stream.read(min(length, _CHUNK))
        if head[2:4] == b"\x10\x00":
            deflated = value.rstrip(b"\0 ") == DEFLATED
