"""When and of whom a study was made: read from DICOM, compared, never told."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from medai.images import read_volume
from medai.images.study_origin import StudyOrigin, same_patient, study_origin
from Testing.images.dicom_files import write_series

PIXELS = np.zeros((4, 8, 8), np.int16)


def read(folder: Path, **elements: object) -> StudyOrigin:
    write_series(folder, PIXELS, **elements)
    origin = read_volume(folder).origin
    assert origin is not None
    return origin


def test_date_and_patient_come_from_the_header_and_show_nowhere(tmp_path: Path) -> None:
    origin = read(tmp_path / "a", StudyDate="20260131", PatientID="MRN-4711")
    assert origin.date == date(2026, 1, 31)
    for text in (repr(origin), str(origin), repr(read_volume(tmp_path / "a"))):
        assert "4711" not in text
        assert "Secret" not in text
    packed = pickle.dumps(origin)
    assert b"4711" not in packed
    assert b"SECRET" not in packed.upper()


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"StudyDate": "20260131", "SeriesDate": "20260201"}, date(2026, 1, 31)),
        ({"StudyDate": "", "SeriesDate": "20260201"}, date(2026, 2, 1)),
        ({"AcquisitionDate": "20260203"}, date(2026, 2, 3)),
        ({}, None),
    ],
)
def test_the_first_date_that_is_there_counts(
    elements: dict[str, str], expected: date | None, tmp_path: Path
) -> None:
    assert read(tmp_path / "a", **elements).date == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026.01.31", date(2026, 1, 31)),
        ("2026-01-31", date(2026, 1, 31)),
        ("20261331", None),
        ("today", None),
        ("", None),
    ],
)
def test_dates_of_all_spellings(text: str, expected: date | None) -> None:
    assert study_origin((text,)).date == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"patient_id": "A1"}, {"patient_id": " a1 "}, True),
        ({"patient_id": "A1"}, {"patient_id": "A2"}, False),
        ({"patient_id": "A1"}, {}, None),
        ({"name": "Doe^Jo", "birth_date": "19700101"}, {"patient_id": "A1"}, None),
        (
            {"patient_id": "A1", "name": "Doe^Jo", "birth_date": "19700101"},
            {"patient_id": "B9", "name": "DOE JO", "birth_date": "19700101"},
            True,
        ),
        (
            {"patient_id": "A1", "name": "Doe^Jo", "birth_date": "19700101"},
            {"patient_id": "B9", "name": "Doe^Jo", "birth_date": "19700102"},
            False,
        ),
        ({"patient_id": "A1", "name": "Doe^Jo"}, {"patient_id": "B9", "name": "Doe^Jo"}, False),
    ],
)
def test_one_patient_has_one_id_or_one_name_and_birth_date(
    one: dict[str, str], other: dict[str, str], expected: bool | None
) -> None:
    assert same_patient(study_origin((), **one), study_origin((), **other)) is expected


def test_files_without_a_header_tell_nothing() -> None:
    assert same_patient(None, study_origin((), "A1")) is None
