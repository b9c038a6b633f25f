"""When and of whom a study was made, without saying who: for comparing two studies of one patient.

Names and identifiers are kept only as digests under a key that this process draws and never
writes down: they tell whether two studies are of one patient, and nothing else to anybody.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import date

_KEY = secrets.token_bytes(32)


@dataclass(frozen=True)
class StudyOrigin:
    """What DICOM says about a study's origin.

    date: of the study, None when unknown. patient: digest of the patient ID; person: digest of
    name and date of birth; empty when unknown.
    """

    date: date | None = None
    patient: bytes = field(default=b"", repr=False)
    person: bytes = field(default=b"", repr=False)


def study_origin(
    dates: tuple[str, ...], patient_id: str = "", name: str = "", birth_date: str = ""
) -> StudyOrigin:
    """The origin from DICOM's texts; the first of ``dates`` (YYYYMMDD) that is one counts."""
    person = _digest(name, birth_date) if name.strip() and birth_date.strip() else b""
    known = (_date(text) for text in dates)
    return StudyOrigin(
        date=next((day for day in known if day is not None), None),
        patient=_digest(patient_id) if patient_id.strip() else b"",
        person=person,
    )


def same_patient(one: StudyOrigin | None, other: StudyOrigin | None) -> bool | None:
    """Whether two studies are of one patient; None when that can't be told.

    The same ID, or the same name and date of birth (another hospital gives another ID). Both
    origins must have been read in this process.
    """
    if one is None or other is None:
        return None
    pairs = ((one.patient, other.patient), (one.person, other.person))
    known = [first == second for first, second in pairs if first and second]
    return any(known) if known else None


def _digest(*texts: str) -> bytes:
    plain = "\0".join(" ".join(text.upper().replace("^", " ").split()) for text in texts)
    return hashlib.blake2b(plain.encode(), key=_KEY, digest_size=16).digest()


def _date(text: str) -> date | None:
    digits = text.strip().replace(".", "").replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
