"""Writing NIfTI-1, for programs that read nothing else."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import OutputError
from medai.output import atomic_file

_HEADER_BYTES = 348
# The header, and four zeros that say that no extension follows.
_DATA_START = 352
_CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768}
_MM = 2
_SCANNER_SPACE = 1


def write_nifti(path: Path, array: NDArray, ijk_to_ras: NDArray[np.float64]) -> None:
    """Write (z, y, x) as ``.nii.gz``, whole or not at all; the sform gives the place in space.

    Raises OutputError for a type that NIfTI lacks or a file that exists, or when the disk refuses.
    """
    dtype = np.dtype(array.dtype).newbyteorder("<")
    code = _CODES.get(dtype.str[1:])
    if code is None or array.ndim != 3:
        raise OutputError(
            f"{path.name}: {array.dtype} of shape {array.shape}, expected (z, y, x) of numbers."
        )
    z, y, x = array.shape
    steps = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    header = bytearray(_DATA_START)
    struct.pack_into("<i", header, 0, _HEADER_BYTES)
    struct.pack_into("<8h", header, 40, 3, x, y, z, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, code, 8 * dtype.itemsize)
    struct.pack_into("<8f", header, 76, 1, *steps, 1, 1, 1, 1)
    struct.pack_into("<fff", header, 108, _DATA_START, 1, 0)
    header[123] = _MM
    struct.pack_into("<hh", header, 252, 0, _SCANNER_SPACE)
    struct.pack_into("<12f", header, 280, *np.asarray(ijk_to_ras, float)[:3].ravel())
    header[344:348] = b"n+1\0"
    content = bytes(header) + np.ascontiguousarray(array, dtype).tobytes()
    with atomic_file(path) as temporary:
        # No name and no time in the gzip header: the same array gives the same file.
        temporary.write_bytes(gzip.compress(content, mtime=0))
