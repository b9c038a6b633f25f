"""Reading any study or picture into a Volume."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import ImageReadError
from medai.images.dicom import read_dicom
from medai.images.dicom_series import is_dicom
from medai.images.hounsfield import holds_hounsfield_units
from medai.images.metaimage import read_metaimage
from medai.images.nifti import read_nifti
from medai.images.nrrd import read_nrrd
from medai.images.output_names import NameRule, output_name
from medai.images.pictures import read_picture
from medai.images.volume import Volume

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_KINDS = "a DICOM folder or file, NRRD, NIfTI, MetaImage (.mha, .mhd), PNG, JPEG, TIFF or BMP"


def read_volume(
    path: Path | str,
    *,
    series: str | None = None,
    names: NameRule | None = None,
    number: int = 1,
) -> Volume:
    """Read a study or picture.

    path: a folder of DICOM files (subfolders included), a DICOM file, ``.nrrd``/``.nhdr``,
        ``.nii``/``.nii.gz``, ``.mha``/``.mhd``, or a picture (PNG, JPEG, TIFF, BMP).
    series: which DICOM series of several: its UID or its number; the largest when None, and
        ``notes`` says which.
    names, number: how the volume is called; see ``output_name``.

    Whole numbers that fit are kept as int16. A file without a modality is "CT" when its values
    clearly are Hounsfield units (see ``holds_hounsfield_units``). A value that isn't finite is an
    error: nothing sensible can stand in for it.

    Raises ImageReadError when nothing is there, or it is damaged or of another kind; GeometryError
    when slices are missing or a spacing is 0.
    """
    path = Path(path)
    try:
        volume = _read(path, series)
    except MemoryError as error:
        raise ImageReadError(f"{path.name}: too large for this machine's memory.") from error
    except OSError as error:
        raise ImageReadError(f"Can't read {path}: {error.strerror or error}.") from error
    array = _compact(volume.array, volume.name)
    modality = volume.modality
    if not modality and volume.has_spacing and holds_hounsfield_units(array):
        modality = "CT"
    name = output_name(path, number, names, origin=volume.origin)
    return dataclasses.replace(volume, array=array, modality=modality, name=name)


def _read(path: Path, series: str | None) -> Volume:
    if not path.exists():
        raise ImageReadError(f"{path} doesn't exist, expected {_KINDS}.")
    if path.is_dir():
        return read_dicom(path, series)
    name = path.name.lower()
    if path.stat().st_size == 0:
        raise ImageReadError(f"{path.name}: the file is empty.")
    if name.endswith((".nrrd", ".nhdr")):
        return _nrrd_volume(path)
    if name.endswith((".nii", ".nii.gz")):
        return read_nifti(path)
    if name.endswith((".mha", ".mhd")):
        return read_metaimage(path)
    if name.endswith(PICTURE_SUFFIXES):
        return read_picture(path)
    if is_dicom(path):
        return read_dicom(path, series)
    raise ImageReadError(f"{path.name}: not a kind of file that can be read, expected {_KINDS}.")


def _nrrd_volume(path: Path) -> Volume:
    nrrd = read_nrrd(path)
    array = nrrd.array
    if array.ndim == 4:
        if array.shape[3] not in (1, 3, 4):
            raise ImageReadError(
                f"{path.name}: {array.shape[3]} values per voxel, expected gray or RGB."
            )
        array = array[..., 0] if array.shape[3] == 1 else array[..., :3]
    return Volume(array, nrrd.ijk_to_ras, "", path.name, has_spacing=nrrd.has_spacing)


def _compact(array: NDArray, name: str) -> NDArray:
    """The array in C order; whole numbers that fit as int16, other real numbers as float32."""
    if array.dtype.kind == "f":
        whole = True
        for part in array:
            if not np.isfinite(part).all():
                raise ImageReadError(
                    f"{name}: {np.count_nonzero(~np.isfinite(array)):,} voxels are NaN or "
                    "infinite, expected numbers everywhere."
                )
            whole = whole and bool((part == np.rint(part)).all())
        if not whole:
            return np.ascontiguousarray(array, np.float32)
    limits = np.iinfo(np.int16)
    if array.dtype.itemsize > 1 and limits.min <= array.min() and array.max() <= limits.max:
        return np.ascontiguousarray(array, np.int16)
    return np.ascontiguousarray(array)
