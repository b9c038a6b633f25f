"""Writing a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medai.errors import OutputError
from medai.images.nrrd import write_nrrd
from medai.images.volume import Volume
from medai.output import atomic_file


def write_volume(volume: Volume, path: Path | str, *, overwrite: bool = False) -> None:
    """Write ``volume`` as ``.nrrd`` (compressed), whole or not at all.

    Types that NRRD lacks are widened: float16 to float32, booleans to uint8.
    Raises OutputError when the name ends otherwise, ``path`` exists and ``overwrite`` is false, or
    the disk refuses.
    """
    path = Path(path)
    if path.suffix.lower() != ".nrrd":
        raise OutputError(f"{path.name}: volumes are written as .nrrd, expected such a name.")
    array = volume.array
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype == np.bool_:
        array = array.view(np.uint8)
    with atomic_file(path, overwrite=overwrite) as temporary:
        write_nrrd(temporary, array, volume.ijk_to_ras)
