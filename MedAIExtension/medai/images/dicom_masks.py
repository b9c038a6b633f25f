"""Masks out of DICOM Segmentation objects and RT Structure Sets, on the grid of an image.

DICOM PS3.3 A.51 (SEG: frames with a position and a segment number each) and A.19 (RTSTRUCT:
outlines in mm of the patient).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, ImageReadError, MissingDependencyError
from medai.images.polygon_fill import fill_polygon
from medai.images.resampling import resample_mask
from medai.images.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# An outline may lie this far from a slice's middle, in slices.
_OFF_SLICE = 0.3


def read_dicom_masks(path: Path, volume: Volume) -> dict[str, NDArray[np.uint8]]:
    """Masks (z, y, x) of 0 and 1 by the name of the segment or structure, on ``volume``'s grid.

    A SEG of another grid is resampled (nearest). An RTSTRUCT's outlines lie on slices of
    ``volume``; a pixel is inside when its center is, and an outline inside another cuts a hole.
    Raises ImageReadError for another kind of object or a damaged one, GeometryError for one that
    lies elsewhere, MissingDependencyError without pydicom.
    """
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise MissingDependencyError("pydicom is needed to read DICOM.") from error
    try:
        dataset = pydicom.dcmread(path)
        kind = str(dataset.get("SOPClassUID", ""))
        if kind == _SEGMENTATION:
            return _segments(dataset, volume)
        if kind == _STRUCTURES:
            return _structures(dataset, volume, path)
    except InvalidDicomError as error:
        raise ImageReadError(f"{path.name}: not a DICOM file.") from error
    except (AttributeError, KeyError, IndexError, ValueError, TypeError) as error:
        if isinstance(error, GeometryError | ImageReadError):
            raise
        raise ImageReadError(f"{path.name}: damaged DICOM object: {error}.") from error
    raise ImageReadError(
        f"{path.name}: a DICOM object without masks: expected a Segmentation or RT Structure Set."
    )


def _segments(dataset: Dataset, volume: Volume) -> dict[str, NDArray[np.uint8]]:
    pixels = np.asarray(dataset.pixel_array)
    pixels = pixels.reshape(-1, *pixels.shape[-2:])
    if dataset.SegmentationType == "FRACTIONAL":
        pixels = pixels > dataset.MaximumFractionalValue / 2
    names = {int(one.SegmentNumber): str(one.SegmentLabel) for one in dataset.SegmentSequence}
    shared = dataset.SharedFunctionalGroupsSequence[0]
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    measures = _group(shared, frames[0], "PixelMeasuresSequence")
    direction = np.array(
        _group(shared, frames[0], "PlaneOrientationSequence").ImageOrientationPatient, float
    )
    along_row, along_column = direction[:3], direction[3:]
    normal = np.cross(along_row, along_column)
    places = np.array(
        [_group(shared, frame, "PlanePositionSequence").ImagePositionPatient for frame in frames],
        float,
    )
    heights = places @ normal
    step = _step(heights, measures)
    slices = np.rint((heights - heights.min()) / step).astype(int)
    if np.abs(heights - heights.min() - slices * step).max() > 0.1 * step:
        raise GeometryError("The segmentation's frames are unevenly spaced.")
    rows, columns = (float(value) for value in measures.PixelSpacing)
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = along_row * columns, along_column * rows, normal * step
    lps[:3, 3] = places[heights.argmin()]
    masks = {
        name: np.zeros((slices.max() + 1, *pixels.shape[1:]), np.uint8) for name in names.values()
    }
    for frame, place, values in zip(frames, slices, pixels, strict=True):
        found = _group(shared, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber
        masks[names[int(found)]][place] |= values.astype(np.uint8)
    matrix = _LPS_TO_RAS @ lps
    return {name: resample_mask(mask, matrix, volume) for name, mask in masks.items()}


def _group(shared: Dataset, frame: Dataset, name: str) -> Any:
    """A functional group's item, of the frame itself or of all frames."""
    return (frame if name in frame else shared)[name].value[0]


def _step(heights: NDArray[np.float64], measures: Any) -> float:
    apart = np.diff(np.unique(np.round(heights, 3)))
    given = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0.0
    if len(apart):
        # Empty slices may be left out: the smallest gap is a whole number of steps.
        smallest = float(apart.min())
        return smallest / max(1, round(smallest / float(given))) if given else smallest
    return float(given) or 1.0


def _structures(dataset: Dataset, volume: Volume, path: Path) -> dict[str, NDArray[np.uint8]]:
    to_ijk = np.linalg.inv(volume.ijk_to_ras) @ _LPS_TO_RAS
    names = {int(one.ROINumber): str(one.ROIName) for one in dataset.StructureSetROISequence}
    masks: dict[str, NDArray[np.uint8]] = {}
    for structure in dataset.ROIContourSequence:
        name = names[int(structure.ReferencedROINumber)]
        mask = masks.setdefault(name, np.zeros(volume.grid_shape, np.uint8))
        for contour in structure.get("ContourSequence") or ():
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            ijk = points @ to_ijk[:3, :3].T + to_ijk[:3, 3]
            place = int(np.rint(ijk[:, 2].mean()))
            if np.abs(ijk[:, 2] - place).max() > _OFF_SLICE:
                raise GeometryError(f"{path.name}: outlines of {name!r} lie between the slices.")
            if not 0 <= place < len(mask):
                raise GeometryError(f"{path.name}: outlines of {name!r} lie outside the image.")
            inside = np.zeros(mask.shape[1:], np.uint8)
            fill_polygon(inside, ijk[:, :2] + 0.5)
            mask[place] ^= inside
    return masks
