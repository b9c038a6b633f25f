"""DICOM: the slices of a series in order, in space, with their values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, ImageReadError, MissingDependencyError
from medai.images.dicom_series import Frame, Series, find_series
from medai.images.volume import Volume

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# A gap may differ from the usual one by this share before a slice counts as missing or misplaced;
# scanners round positions.
_GAP_TOLERANCE = 0.1


def read_dicom(path: Path, series: str | None = None) -> Volume:
    """Read a DICOM file, or a series out of a folder and its subfolders.

    series: a series' UID or number; None takes the one with the most slices and says so in the
        notes. CT comes in Hounsfield units (rescale slope and intercept applied to each slice);
        MONOCHROME1 is inverted, palette and YBR colour become RGB.

    Raises ImageReadError when there is no image, the series isn't there, or a file is damaged;
    GeometryError, saying where, when slices are missing, doubled, or unevenly spaced.
    """
    found = find_series(path)
    chosen = _choose(path, found, series)
    if chosen.pixel_spacing_mm and min(chosen.pixel_spacing_mm) <= 0:
        raise GeometryError(
            f"{path.name}: pixel spacing {chosen.pixel_spacing_mm} mm, expected positive numbers."
        )
    frames = _in_order(path, chosen)
    notes: tuple[str, ...] = ()
    if len(found) > 1:
        others = ", ".join(f"{s.number} ({len(s.frames)})" for s in found if s is not chosen)
        notes = (
            f"Series {chosen.number} with {len(frames)} images was read; "
            f"also there, with their number of images: {others}.",
        )
    return Volume(
        _voxels(frames),
        _matrix(chosen, frames),
        chosen.modality,
        path.name,
        notes,
        has_spacing=chosen.pixel_spacing_mm is not None,
        origin=chosen.origin,
    )


def frames_in_order(path: Path, series: str | None = None) -> list[Frame]:
    """The frames that ``read_dicom`` reads, in the order of its slices; raises as it does."""
    return _in_order(path, _choose(path, find_series(path), series))


def _choose(path: Path, found: Sequence[Series], series: str | None) -> Series:
    if series is None:
        return found[0]
    for candidate in found:
        if series in (candidate.uid, candidate.number):
            return candidate
    known = ", ".join(f"{s.number} ({len(s.frames)} images)" for s in found)
    raise ImageReadError(f"{path.name}: no series {series!r}, there are: {known}.")


def _in_order(path: Path, series: Series) -> list[Frame]:
    """Frames along the slice normal. Raises GeometryError unless they are evenly spaced."""
    frames = list(series.frames)
    if len(frames) == 1:
        return frames
    if _turned(frames):
        return frames
    positioned = [frame for frame in frames if frame.position is not None]
    one_file = len({frame.path for frame in frames}) == 1
    if not positioned and one_file:
        return frames
    if len(positioned) < len(frames):
        raise GeometryError(
            f"{path.name}: {len(frames) - len(positioned)} of {len(frames)} slices carry no "
            "position, expected one in each."
        )
    along = {frame: _height(frame, frames[0]) for frame in frames}
    frames.sort(key=along.__getitem__)
    heights = np.array([along[frame] for frame in frames])
    if one_file and np.ptp(heights) == 0:
        # A cine of one plane: its frames follow each other in time.
        return list(series.frames)
    _require_even(path, heights)
    return frames


def _turned(frames: Sequence[Frame]) -> bool:
    """Whether frames of one file lie in different planes, as radial OCT scans of an eye do.

    They keep the file's order, and no spacing between them means anything.
    """
    return len({tuple(np.round(frame.orientation, 3)) for frame in frames}) > 1


def _height(frame: Frame, reference: Frame) -> float:
    row, column = np.reshape(reference.orientation, (2, 3))
    return float(np.cross(row, column) @ np.array(frame.position))


def _require_even(path: Path, heights: NDArray[np.float64]) -> None:
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    if usual <= 0 or (gaps < 0.01).any():
        at = int(np.argmin(gaps))
        raise GeometryError(
            f"{path.name}: slices {at + 1} and {at + 2} of {len(heights)} lie at the same place "
            f"({heights[at]:.1f} mm), expected one slice at each position."
        )
    off = np.abs(gaps - usual) > _GAP_TOLERANCE * usual
    if off.any():
        at = int(np.argmax(np.abs(gaps - usual)))
        missing = round(gaps[at] / usual) - 1
        what = f"{missing} missing there" if missing > 0 else "the spacing is uneven"
        raise GeometryError(
            f"{path.name}: {gaps[at]:.2f} mm between slices {at + 1} and {at + 2} of "
            f"{len(heights)} (at {heights[at]:.1f} and {heights[at + 1]:.1f} mm), expected "
            f"{usual:.2f} mm: {what}."
        )


def _matrix(series: Series, frames: Sequence[Frame]) -> NDArray[np.float64]:
    first, last = frames[0], frames[-1]
    row, column = np.reshape(first.orientation, (2, 3))
    down_mm, across_mm = series.pixel_spacing_mm or (1.0, 1.0)
    step = np.cross(row, column) * (series.slice_spacing_mm or 1.0)
    apart = first.position and last.position and first.position != last.position
    if apart and not _turned(frames):
        # The way from slice to slice, not the normal: a tilted gantry shears the grid.
        step = (np.array(last.position) - np.array(first.position)) / (len(frames) - 1)
    lps = np.eye(4)
    lps[:3, 0] = row * across_mm
    lps[:3, 1] = column * down_mm
    lps[:3, 2] = step
    lps[:3, 3] = first.position or (0.0, 0.0, 0.0)
    return _LPS_TO_RAS @ lps


def _voxels(frames: Sequence[Frame]) -> NDArray:
    """(z, y, x) or (z, y, x, 3), filled slice by slice so that the study is held once."""
    stack: NDArray | None = None
    at = 0
    for path, group in groupby(frames, key=lambda frame: frame.path):
        indices = [frame.index for frame in group]
        pixels = _decode(path)[indices]
        if stack is None:
            stack = np.empty((len(frames), *pixels.shape[1:]), pixels.dtype)
        elif pixels.shape[1:] != stack.shape[1:]:
            raise ImageReadError(f"{path.name}: color and gray slices mixed in one series.")
        elif not np.can_cast(pixels.dtype, stack.dtype):
            stack = stack.astype(np.promote_types(pixels.dtype, stack.dtype))
        stack[at : at + len(pixels)] = pixels
        at += len(pixels)
    assert stack is not None
    return stack


def _decode(path: Path) -> NDArray:
    """One file's frames, (frame, y, x) or (frame, y, x, 3), rescaled."""
    try:
        import SimpleITK
    except ImportError as error:
        raise MissingDependencyError(
            "SimpleITK is needed to read DICOM: pip install SimpleITK."
        ) from error
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(os.fspath(path))
    warned = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise ImageReadError(f"{path.name}: its DICOM image is damaged or cut off.") from error
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(warned)
    array = SimpleITK.GetArrayFromImage(image)
    color = image.GetNumberOfComponentsPerPixel() > 1
    return array[None] if array.ndim == (3 if color else 2) else array
