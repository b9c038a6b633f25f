"""What a path or a volume is to the COVID classifiers: a CT study, or one patient's pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np

from medai.errors import InputError
from medai.images import Volume, read_volume
from medai.images.dicom_series import is_dicom
from medai.images.natural_order import natural_order
from medai.images.output_names import NameRule
from medai.images.reading import PICTURE_SUFFIXES
from medai.inference.covid.assessment import CovidChoices
from medai.inference.covid.result import CovidOptions
from medai.inference.lesions.result import LesionOptions
from medai.models import ModelStore

CovidStudy = Volume | tuple[Volume, ...]


def read_covid_study(
    path: Path,
    series: str | None = None,
    *,
    names: NameRule | None = None,
    number: int = 1,
) -> CovidStudy:
    """A CT volume, or pictures (1, y, x) of one patient.

    A picture is one patient, and so is a folder of pictures, in the order of their names (2 before
    10); other files in it are passed over, and with DICOM in it it is a DICOM folder.
    series, names, number: as of ``read_volume``, whose errors are raised. A folder's pictures are
    numbered by themselves.
    """
    pictures = _picture_files(path)
    if pictures:
        return tuple(
            read_volume(file, names=names, number=k) for k, file in enumerate(pictures, start=1)
        )
    return as_covid_study(read_volume(path, series=series, names=names, number=number))


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[CovidStudy, CovidChoices]:
    """The study at ``path`` and what its assessment includes, with severity.

    cells: series, prior (a study's path), prior_date, date. name: not used, pictures have one each;
    all are called by aliases. Raises as ``read_covid_study``, and
    InputError for a date that is none.
    """
    choices = CovidChoices(
        classification=CovidOptions(device=device),
        lesion_model=ModelStore().recommended("lesions").id,
        lesions=LesionOptions(device=device),
        prior=read_volume(Path(cells["prior"])) if "prior" in cells else None,
        prior_date=_date(cells.get("prior_date")),
        study_date=_date(cells.get("date")),
    )
    return read_covid_study(path, cells.get("series"), names="aliases"), choices


def as_covid_study(volume: Volume) -> CovidStudy:
    """A picture as one patient's only one; any other volume as it is."""
    is_picture = volume.grid_shape[0] == 1 and volume.array.dtype == np.uint8
    return (volume,) if is_picture else volume


def _picture_files(path: Path) -> list[Path]:
    """The pictures directly in a folder without DICOM; none for anything else."""
    if not path.is_dir():
        return []
    files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    pictures = [
        file
        for file in files
        if file.parent == path
        and file.suffix.lower() in PICTURE_SUFFIXES
        and not file.name.startswith(".")
    ]
    others = (file for file in files if file.suffix.lower() not in PICTURE_SUFFIXES)
    if not pictures or any(file.is_file() and is_dicom(file) for file in others):
        return []
    return sorted(pictures, key=lambda file: natural_order(file.name.lower()))


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(f"Date {text!r} in the list: expected one like 2026-01-31.") from None
