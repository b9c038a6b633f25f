"""Small DICOM series written for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_slice(path: Path, pixels: NDArray, **elements: object) -> FileDataset:
    """One DICOM file of (y, x), (frames, y, x) or (y, x, 3) pixels; ``elements`` by keyword."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality = "CT"
    dataset.PatientName = "Secret^Name"
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.SeriesNumber = 1
    dataset.Rows, dataset.Columns = pixels.shape[-2:] if pixels.shape[-1] != 3 else pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.shape[-1] == 3 else "MONOCHROME2"
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelSpacing = [0.5, 0.75]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, 0]
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def write_series(
    folder: Path, volume: NDArray, *, step_mm: float = 2.0, prefix: str = "a", **elements: object
) -> list[Path]:
    """An axial series of (z, y, x); file names in another order than the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, pixels in enumerate(volume):
        path = folder / f"{prefix}{(k * 7) % 97:03d}.dcm"
        place = {"ImagePositionPatient": [-10.0, -20.0, 5.0 + step_mm * k], **elements}
        write_slice(path, pixels, **place)
        paths.append(path)
    return paths


def frame_groups(positions_mm: list[float]) -> list[Dataset]:
    """Per-frame functional groups that place each frame along z."""
    groups = []
    for z in positions_mm:
        position, measures, group = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, z]
        measures.PixelSpacing = [0.5, 0.75]
        measures.SliceThickness = 1.0
        group.PlanePositionSequence = [position]
        group.PixelMeasuresSequence = [measures]
        groups.append(group)
    return groups
