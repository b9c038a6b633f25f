"""PNG and JPEG files without what they say beside their pixels; the coded pixels stay as they are.

PNG: the chunks of the PNG specification (third edition) that pixels need. JPEG: the marker segments
of ITU-T T.81 that decoding needs, and Adobe's APP14, which tells how the colors are coded. Of Exif
only the orientation stays, since without it the picture would lie on its side.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from medai.errors import ImageReadError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pixels, palette, transparency, size of a pixel, and the frames of an animation.
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND")
_EXIF_MARK = b"Exif\0\0"
_ORIENTATION_TAG = 0x0112
_UPRIGHT = 1

_JPEG_START, _JPEG_END, _SCAN = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _ADOBE, _APP15, _COMMENT = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_JFIF = b"JFIF\0"
_JFIF_BYTES = 12


def png_pixels_only(content: bytes, name: str) -> bytes:
    """A PNG file's bytes without text, time, color profile and Exif; an Exif orientation stays.

    Raises ImageReadError, about ``name``, when it isn't a whole PNG file.
    """
    if not content.startswith(_PNG_SIGNATURE):
        raise ImageReadError(f"{name}: not a PNG file.")
    parts = [_PNG_SIGNATURE]
    for kind, data in _png_chunks(content, name):
        if kind == b"eXIf":
            orientation = _orientation(data)
            if orientation != _UPRIGHT:
                parts.append(_png_chunk(kind, _exif_of(orientation)))
        elif kind in _PNG_KEPT:
            parts.append(_png_chunk(kind, data))
    return b"".join(parts)


def jpeg_pixels_only(content: bytes, name: str) -> bytes:
    """A JPEG file's bytes without Exif, XMP, comments, thumbnails; nothing is coded anew.

    An Exif orientation stays. Raises ImageReadError, about ``name``, when it isn't a JPEG file.
    """
    if not content.startswith(b"\xff\xd8"):
        raise ImageReadError(f"{name}: not a JPEG file.")
    parts = [b"\xff\xd8"]
    for marker, data in _jpeg_segments(content, name):
        if marker == _APP1 and data.startswith(_EXIF_MARK):
            orientation = _orientation(data[len(_EXIF_MARK) :])
            if orientation != _UPRIGHT:
                parts.append(_jpeg_segment(_APP1, _EXIF_MARK + _exif_of(orientation)))
        elif marker == _APP0 and data.startswith(_JFIF):
            # The two zeros say that no thumbnail follows.
            parts.append(_jpeg_segment(_APP0, data[:_JFIF_BYTES] + b"\0\0"))
        elif marker == _ADOBE or not (_APP0 <= marker <= _APP15 or marker == _COMMENT):
            parts.append(data if marker == _SCAN else _jpeg_segment(marker, data))
    return b"".join([*parts, b"\xff\xd9"])


def _png_chunks(content: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG_SIGNATURE)
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        yield kind, content[place + 8 : place + 8 + length]
        if kind == b"IEND":
            return  # What follows the end is no picture.
        place += length + 12
    raise ImageReadError(f"{name}: the PNG file ends early.")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", checksum)


def _jpeg_segments(content: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment; a scan comes whole, marker, length and coded pixels."""
    place = 2
    while place + 2 <= len(content):
        if content[place] != 0xFF:
            raise ImageReadError(f"{name}: damaged JPEG file, no marker at byte {place}.")
        marker = content[place + 1]
        if marker == 0xFF:  # Fill bytes may come before a marker.
            place += 1
            continue
        if marker == _JPEG_END:
            return
        if marker in _WITHOUT_LENGTH:
            place += 2
            continue
        (length,) = struct.unpack(">H", content[place + 2 : place + 4].ljust(2, b"\0"))
        end = place + 2 + length
        if marker != _SCAN:
            yield marker, content[place + 4 : end]
        else:
            start, end = place, _end_of_scan(content, end)
            yield marker, content[start:end]
        place = end
    raise ImageReadError(f"{name}: the JPEG file ends early.")


def _end_of_scan(content: bytes, place: int) -> int:
    """Where the coded pixels end: at the first marker that isn't a stuffed 0 or a restart."""
    while True:
        place = content.find(b"\xff", place)
        if place < 0 or place + 1 >= len(content):
            return len(content)
        following = content[place + 1]
        if following != 0xFF and following != 0 and not 0xD0 <= following <= 0xD7:
            return place
        place += 1 if following == 0xFF else 2


def _jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _orientation(tiff: bytes) -> int:
    """The orientation (1 to 8) in a block of Exif; 1 where it says none or is damaged."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (first,) = struct.unpack(order + "I", tiff[4:8])
        (count,) = struct.unpack(order + "H", tiff[first : first + 2])
        for index in range(count):
            entry = tiff[first + 2 + 12 * index : first + 14 + 12 * index]
            tag, _, _, value = struct.unpack(order + "HHIH", entry[:10])
            if tag == _ORIENTATION_TAG and 1 <= value <= 8:
                return int(value)
    except (KeyError, struct.error):
        pass
    return _UPRIGHT


def _exif_of(orientation: int) -> bytes:
    """A block of Exif that holds an orientation and nothing else."""
    header = struct.pack(">2sHI", b"MM", 42, 8)
    return header + struct.pack(">HHHIHHI", 1, _ORIENTATION_TAG, 3, 1, orientation, 0, 0)
