"""Masks on their way between browser and study: packed bits, slices as the rater sees them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.images.orientation import AxialVolume, on_axial_grid
from medai.images.volume import Volume


def packed(masks: Sequence[NDArray], volume: Volume) -> bytes:
    """Masks (z, y, x) of ``volume``'s grid, one after the other, as bits on the axial grid.

    Eight voxels a byte, the first in its highest bit; each mask begins a new byte.
    """
    return b"".join(
        np.packbits(np.ascontiguousarray(on_axial_grid(volume, mask)) != 0).tobytes()
        for mask in masks
    )


def unpacked(
    content: bytes, names: Sequence[str], axial: AxialVolume
) -> Mapping[str, NDArray[np.uint8]]:
    """The masks called ``names`` from their bits, on the image's own grid (z, y, x), 0 or 1.

    content: zlib's or gzip's deflate of what ``packed`` makes. Raises InputError when it is damaged
    or not of the length that the image asks for; never more than that is inflated.
    """
    voxels = int(np.prod(axial.grid_shape))
    length = -(-voxels // 8)
    bits = _inflated(content, length * len(names))
    masks = {}
    for place, name in enumerate(names):
        part = np.frombuffer(bits, np.uint8, length, place * length)
        mask = np.unpackbits(part, count=voxels).reshape(axial.grid_shape)
        masks[name] = np.ascontiguousarray(axial.restore(mask))
    return masks


def _inflated(content: bytes, length: int) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        found = inflater.decompress(content, length + 1)
    except zlib.error as error:
        raise InputError(f"The outline is damaged on its way: {error}.") from None
    if len(found) != length or not inflater.eof:
        raise InputError(f"The outline has {len(found)} bytes and more, expected {length}.")
    return found
