"""Voxel data out of a file whose header is not trusted.

Own readers, because the usual library returns a truncated NIfTI file without a word, prints to
the terminal on a damaged MetaImage, and allocates whatever a header asks for.
"""

from __future__ import annotations

import bz2
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from medai.errors import ImageReadError
from medai.unlinked import open_unlinked

Compression = Literal["", "gzip", "bzip2"]

# No clinical study is larger: 1024 × 1024 × 2000 voxels of 4 bytes.
MAX_BYTES = 8 * 2**30
# The most that a file's data can grow, from the formats' definitions (deflate) and measurement.
_MAX_GROWTH = {"": 1, "gzip": 1032, "bzip2": 50_000}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class PixelLayout:
    """Where a file keeps its values, and how.

    shape: numpy order, the fastest axis last.
    dtype: with its byte order.
    offset: bytes of the file before the (compressed) data; -1 for data at the file's very end.
    skip: bytes to leave out after decompression.
    compression: "gzip" also stands for a bare zlib stream.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int = 0
    skip: int = 0
    compression: Compression = ""


def read_pixels(path: Path, layout: PixelLayout, *, follow_links: bool = True) -> NDArray:
    """The array, in the machine's byte order.

    follow_links: False for a file that another file named.

    Raises ImageReadError when the declared size is impossible or the data end early.
    """
    size = check_size(path, layout.shape, layout.dtype, layout.compression)
    available = path.stat().st_size
    offset = available - size if layout.offset < 0 else layout.offset
    if offset < 0 or (not layout.compression and offset + layout.skip + size > available):
        raise _truncated(path, max(0, available - max(0, offset) - layout.skip), size)
    array = np.empty(layout.shape, layout.dtype)
    target = array.reshape(-1).view(np.uint8)
    with path.open("rb") if follow_links else open_unlinked(path) as stream:
        stream.seek(offset)
        filled, skip = 0, layout.skip
        for block in _blocks(path, stream, layout.compression):
            left_out = min(skip, len(block))
            skip -= left_out
            values = np.frombuffer(block, np.uint8)[left_out : left_out + size - filled]
            target[filled : filled + len(values)] = values
            filled += len(values)
            if filled == size:
                break
    if filled < size:
        raise _truncated(path, filled, size)
    if not array.dtype.isnative:
        array = array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
    return array


def check_size(
    path: Path, shape: tuple[int, ...], dtype: np.dtype, compression: Compression = ""
) -> int:
    """Bytes that a header declares. Raises ImageReadError when the file can't hold them."""
    if not shape or min(shape) < 1:
        raise ImageReadError(f"{path.name}: sizes {shape}, expected at least 1 on each axis.")
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise ImageReadError(
            f"{path.name}: its header declares {size / 2**30:.0f} GiB of voxels, "
            f"expected at most {MAX_BYTES // 2**30} GiB."
        )
    if size > path.stat().st_size * _MAX_GROWTH[compression]:
        raise _truncated(path, path.stat().st_size, size)
    return size


def _blocks(path: Path, stream: BinaryIO, compression: Compression) -> Iterator[bytes]:
    """Decompressed blocks of at most a chunk each, so that a small file can't fill the memory."""
    if not compression:
        while block := stream.read(_CHUNK):
            yield block
        return
    try:
        yield from _inflate(stream) if compression == "gzip" else _bunzip(stream)
    except (zlib.error, OSError, ValueError) as error:
        raise ImageReadError(f"{path.name}: its {compression} data are damaged.") from error


def _inflate(stream: BinaryIO) -> Iterator[bytes]:
    any_wrapper = 32 + zlib.MAX_WBITS
    inflater = zlib.decompressobj(any_wrapper)
    pending = stream.read(_CHUNK)
    while pending:
        yield inflater.decompress(pending, _CHUNK)
        pending = inflater.unconsumed_tail
        if inflater.eof:
            pending = inflater.unused_data or stream.read(_CHUNK)
            if not pending.startswith(b"\x1f\x8b"):
                return
            inflater = zlib.decompressobj(any_wrapper)
        elif not pending:
            pending = stream.read(_CHUNK)


def _bunzip(stream: BinaryIO) -> Iterator[bytes]:
    inflater = bz2.BZ2Decompressor()
    while not inflater.eof:
        pending = stream.read(_CHUNK) if inflater.needs_input else b""
        if inflater.needs_input and not pending:
            return
        yield inflater.decompress(pending, _CHUNK)


def _truncated(path: Path, found: int, expected: int) -> ImageReadError:
    return ImageReadError(
        f"{path.name}: the file ends early, {found:,} bytes of voxels where its header "
        f"declares {expected:,}."
    )
