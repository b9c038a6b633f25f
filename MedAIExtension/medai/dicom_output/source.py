"""The DICOM instances that a result refers to: the study's own, or a series made of its voxels."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medai.errors import GeometryError, MissingDependencyError
from medai.images import Volume
from medai.images.dicom import frames_in_order

if TYPE_CHECKING:
    from pydicom import Dataset

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_MANUFACTURER = "MedAI"
# How far a direction may be from perpendicular before DICOM's slices can't describe the grid.
_MOST_SHEAR = 1e-4


def require_highdicom() -> None:
    """Raise MissingDependencyError, with what to do, where highdicom is not installed."""
    from importlib.util import find_spec

    if find_spec("highdicom") is None:
        raise MissingDependencyError("DICOM output needs highdicom: pip install highdicom.")


def uid_of(*parts: bytes | str) -> str:
    """A DICOM UID (2.25.…, DICOM PS3.5 B.2) that the same ``parts`` always give.

    A result that is made again gets the same UIDs, so that a PACS keeps one copy of it.
    """
    digest = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"2.25.{int.from_bytes(digest.digest()[:16], 'big')}"


def source_headers(study: Path, series: str | None = None) -> list[Dataset]:
    """The headers of a single-frame DICOM series, in the order of ``read_volume``'s slices.

    Raises as ``read_dicom``; GeometryError for a multi-frame file, whose frames are no instances
    of their own.
    """
    import pydicom

    frames = frames_in_order(study, series)
    if len({frame.path for frame in frames}) < len(frames):
        raise GeometryError(
            f"{study.name} is a multi-frame DICOM file: DICOM output needs one instance a slice."
        )
    return [pydicom.dcmread(frame.path, stop_before_pixels=True) for frame in frames]


def series_of_volume(volume: Volume) -> list[Dataset]:
    """A CT series (DICOM PS3.3 A.3) of a volume that came from another format, slice by slice.

    It names no patient. Values are rounded to whole Hounsfield units. Raises GeometryError for a
    grid whose axes are not perpendicular, which such a series can't hold.
    """
    directions = volume.ijk_to_ras[:3, :3] / np.linalg.norm(volume.ijk_to_ras[:3, :3], axis=0)
    if np.abs(directions.T @ directions - np.eye(3)).max() > _MOST_SHEAR:
        raise GeometryError(f"{volume.name}: its axes are not perpendicular, as DICOM needs.")
    voxels = np.clip(np.rint(volume.array), -32768, 32767).astype("<i2")
    study_uid = uid_of("study", voxels.tobytes(), volume.ijk_to_ras.tobytes())
    return [_slice(volume, voxels, index, study_uid) for index in range(len(voxels))]


def _slice(volume: Volume, voxels: np.ndarray, index: int, study_uid: str) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    lps = _RAS_TO_LPS @ volume.ijk_to_ras[:3]
    z_mm, y_mm, x_mm = volume.spacing_mm
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = CTImageStorage
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = uid_of(study_uid, "instance", str(index))
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.StudyInstanceUID = study_uid
    made.SeriesInstanceUID = uid_of(study_uid, "series")
    made.FrameOfReferenceUID = uid_of(study_uid, "frame of reference")
    made.PositionReferenceIndicator = ""
    made.Modality = "CT"
    made.Manufacturer = _MANUFACTURER
    made.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    made.SeriesDescription = "Voxels of a study in another format"
    made.SeriesNumber, made.InstanceNumber, made.AcquisitionNumber = 1, index + 1, None
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        setattr(made, name, "")
    for name in ("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "KVP"):
        setattr(made, name, "")
    made.ReferringPhysicianName = ""
    # Not known; DICOM wants both said.
    made.PatientPosition = made.Laterality = ""
    made.Rows, made.Columns = voxels.shape[1:]
    made.PixelSpacing = [_decimal(y_mm), _decimal(x_mm)]
    made.SliceThickness = made.SpacingBetweenSlices = _decimal(z_mm)
    made.ImageOrientationPatient = [
        *map(_decimal, lps[:, 0] / x_mm),
        *map(_decimal, lps[:, 1] / y_mm),
    ]
    made.ImagePositionPatient = [*map(_decimal, lps[:, 3] + index * lps[:, 2])]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
    made.PixelRepresentation = 1
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = "0", "1", "HU"
    made.PixelData = voxels[index].tobytes()
    return made


def _decimal(value: float) -> str:
    """A number as DICOM's decimal string, which holds 16 characters at most."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(float(value) + 0.0)


def write_series(datasets: Iterable[Dataset], folder: Path) -> None:
    """Write each instance into ``folder``, numbered in its order."""
    folder.mkdir()
    for number, made in enumerate(datasets, start=1):
        made.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
