"""Run-length encoded DICOM pixels: what must hold before a decoder may see them."""

from __future__ import annotations

import struct
from typing import BinaryIO

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
_PIXEL_DATA = (0x7FE0, 0x0010)
_ITEM = (0xFFFE, 0xE000)
_END = (0xFFFE, 0xE0DD)
# DICOM PS3.5, G.5: a frame's header has room for so many.
_MOST_SEGMENTS = 15


def check_segments(stream: BinaryIO) -> None:
    """Raise ValueError unless every frame has 1 to 15 segments: GDCM divides by their number.

    stream: at the tag of the pixel data, as ``dcmread(stop_before_pixels=True)`` leaves it.
    """
    group, element, _, length = _unpacked(stream, "<HH4sI")
    if (group, element) != _PIXEL_DATA or length != 0xFFFFFFFF:
        raise ValueError("no encapsulated pixel data")
    # The first item holds the frames' offsets, or nothing.
    is_frame = False
    while True:
        group, element, length = _unpacked(stream, "<HHI")
        if (group, element) == _END:
            return
        if (group, element) != _ITEM:
            raise ValueError("no item where one must be")
        start = stream.tell()
        if is_frame and not 1 <= _unpacked(stream, "<I")[0] <= _MOST_SEGMENTS:
            raise ValueError("a frame of no segments, or too many")
        stream.seek(start + length)
        is_frame = True


def _unpacked(stream: BinaryIO, layout: str) -> tuple:
    data = stream.read(struct.calcsize(layout))
    try:
        return struct.unpack(layout, data)
    except struct.error as error:
        raise ValueError("pixel data end early") from error
