"""A lesion result into a folder of DICOM objects."""

from __future__ import annotations

from pathlib import Path

from medai.dicom_output.source import (
    require_highdicom,
    series_of_volume,
    source_headers,
    write_series,
)
from medai.inference.lesions.result import LesionResult

DICOM_FOLDER = "dicom"


def write_lesion_objects(
    result: LesionResult, study: Path, folder: Path, series: str | None = None
) -> Path:
    """Write lesions, lungs, zones, probability (SEG) and measurements (SR) below ``folder``.

    study: where the result's volume was read from. A DICOM study's own instances are referred to,
    and its patient and study identifiers are in the objects, as a PACS needs; a study of another
    format is written beside them as a CT series without identifiers (``source``). Returns the
    folder ``dicom``. Raises MissingDependencyError without highdicom, GeometryError for a grid
    that single-frame DICOM can't hold.
    """
    require_highdicom()
    from medai.dicom_output.measurements import lesion_measurements
    from medai.dicom_output.segmentation import lesion_segmentations

    into = folder / DICOM_FOLDER
    into.mkdir()
    if result.volume.origin is None:
        sources = series_of_volume(result.volume)
        write_series(sources, into / "source")
    else:
        sources = source_headers(study, series)
    segmentations = lesion_segmentations(result, sources)
    report = lesion_measurements(result, segmentations, sources)
    for name, made in {**segmentations, "measurements.dcm": report}.items():
        made.save_as(into / name)
    return into
