"""DICOM headers: which files are images, and which of them are a series."""

from __future__ import annotations

import mmap
import os
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from medai.errors import ImageReadError, MissingDependencyError
from medai.images.dicom_deflated import check_deflated
from medai.images.dicom_rle import RLE_LOSSLESS, check_segments
from medai.images.pixels import check_size
from medai.images.study_origin import StudyOrigin, study_origin

if TYPE_CHECKING:
    from pydicom import Dataset

_MAX_FILES = 50_000
_DEFAULT_ORIENTATION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Frame:
    """One slice: a file, or a frame of one."""

    path: Path
    index: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """Frames of one size and orientation that belong together."""

    uid: str
    number: str
    modality: str
    grid: tuple[int, int]
    frames: tuple[Frame, ...]
    pixel_spacing_mm: tuple[float, float] | None
    slice_spacing_mm: float | None
    origin: StudyOrigin


def is_dicom(path: Path) -> bool:
    """Whether the file starts as DICOM files do."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def find_series(path: Path) -> list[Series]:
    """The series of a DICOM file or folder (subfolders too), the one with the most slices first.

    Raises ImageReadError when there is no image, or a file is damaged.
    """
    if path.is_dir():
        files = sorted(Path(folder) / name for folder, _, names in os.walk(path) for name in names)
        if not files:
            raise ImageReadError(f"{path}: the folder is empty, expected DICOM files.")
        if len(files) > _MAX_FILES:
            raise ImageReadError(
                f"{path}: {len(files):,} files, expected one study's DICOM folder of at most "
                f"{_MAX_FILES:,}."
            )
    else:
        files = [path]
    grouped: defaultdict[tuple, list[Series]] = defaultdict(list)
    for file in files:
        if file.is_file() and (header := _header(file)) is not None:
            part = _series_of(file, header)
            # Frames of one file belong together; single images do when they are parallel.
            alone = file if len(part.frames) > 1 else None
            orientation = tuple(round(value, 3) for value in part.frames[0].orientation)
            grouped[part.uid, part.grid, orientation, alone].append(part)
    if not grouped:
        raise ImageReadError(f"{path}: no DICOM images among {len(files):,} file(s).")
    merged = [
        Series(
            parts[0].uid,
            parts[0].number,
            parts[0].modality,
            parts[0].grid,
            tuple(frame for part in parts for frame in part.frames),
            parts[0].pixel_spacing_mm,
            parts[0].slice_spacing_mm,
            parts[0].origin,
        )
        for parts in grouped.values()
    ]
    return sorted(merged, key=lambda s: (-len(s.frames), s.number, s.uid))


def _header(path: Path) -> Dataset | None:
    """The header of a DICOM image, None for any other file."""
    try:
        import pydicom
    except ImportError as error:
        raise MissingDependencyError(
            "pydicom is needed to read DICOM: pip install pydicom."
        ) from error
    if not is_dicom(path):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Out of a map, a read of more bytes than there are makes no room for them.
            with (
                path.open("rb") as stream,
                mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            ):
                whole = cast("BinaryIO", mapped)
                check_deflated(whole, path)
                whole.seek(0)
                header = pydicom.dcmread(whole, stop_before_pixels=True)
                if "Rows" not in header or "Columns" not in header:
                    return None
                if header.file_meta.TransferSyntaxUID == RLE_LOSSLESS:
                    check_segments(whole)
                return header
    except ImageReadError:
        raise
    except Exception as error:  # pydicom raises many types on damaged files.
        raise ImageReadError(f"{path.name}: damaged DICOM file.") from error


def _series_of(path: Path, header: Dataset) -> Series:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parse(path, header)
    except Exception as error:  # Values are parsed on use, and pydicom raises many types.
        if isinstance(error, ImageReadError):
            raise
        raise ImageReadError(f"{path.name}: damaged DICOM header.") from error


def _parse(path: Path, header: Dataset) -> Series:
    count = int(header.get("NumberOfFrames") or 1)
    grid = int(header.Rows), int(header.Columns)
    depth = np.dtype(f"u{max(1, int(header.BitsAllocated) // 8)}")
    compressed = header.file_meta.TransferSyntaxUID.is_compressed
    samples = int(header.get("SamplesPerPixel", 1))
    check_size(path, (count, *grid, samples), depth, "gzip" if compressed else "")
    shared = _first(header, "SharedFunctionalGroupsSequence")
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or [None] * count
    frames = []
    for index in range(count):
        groups = (header, per_frame[index], shared)
        position = _numbers(groups, "PlanePositionSequence", "ImagePositionPatient", 3)
        orientation = _numbers(groups, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
        frames.append(Frame(path, index, position, orientation or _DEFAULT_ORIENTATION))
    groups = (header, per_frame[0], shared)
    spacing = _numbers(groups, "PixelMeasuresSequence", "PixelSpacing", 2) or _numbers(
        (header,), "", "ImagerPixelSpacing", 2
    )
    steps = [
        _numbers(groups, "PixelMeasuresSequence", name, 1)
        for name in ("SpacingBetweenSlices", "SliceThickness")
    ]
    step = next((abs(values[0]) for values in steps if values and values[0]), None)
    return Series(
        str(header.get("SeriesInstanceUID", "")),
        str(header.get("SeriesNumber") or "without a number"),
        str(header.get("Modality", "")),
        grid,
        tuple(frames),
        (spacing[0], spacing[1]) if spacing else None,
        step,
        _origin(header),
    )


def _origin(header: Dataset) -> StudyOrigin:
    def text(name: str) -> str:
        return str(header.get(name) or "")

    return study_origin(
        tuple(text(f"{of}Date") for of in ("Study", "Series", "Acquisition")),
        text("PatientID"),
        text("PatientName"),
        text("PatientBirthDate"),
        contrast_agent=text("ContrastBolusAgent"),
    )


def _first(dataset: Dataset | None, sequence: str) -> Dataset | None:
    items = dataset.get(sequence) if dataset is not None else None
    return items[0] if items else None


def _numbers(
    places: Sequence[Dataset | None], sequence: str, name: str, count: int
) -> tuple[float, ...] | None:
    """An attribute of ``count`` numbers, from the first place that has it, itself or in a group."""
    for place in places:
        for holder in (_first(place, sequence) if sequence else None, place):
            value = holder.get(name) if holder is not None else None
            if value is not None and value != "":
                values = tuple(float(v) for v in ([value] if count == 1 else value))
                if len(values) != count or not np.isfinite(values).all():
                    raise ValueError(name)
                return values
    return None
