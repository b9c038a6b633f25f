"""When and of whom a study was made, without saying who: for comparing two studies of one patient.

Names and identifiers are kept only as digests under a key that this process draws and never
writes down: they tell whether two studies are of one patient, and nothing else to anybody.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import date

_KEY = secrets.token_bytes(32)
# An identifier may be written in so many words of a file's name.
_MOST_WORDS = 6
_NO_CONTRAST = ("", "NO", "NONE", "NATIVE")


@dataclass(frozen=True)
class StudyOrigin:
    """What DICOM says about a study's origin.

    date: of the study, None when unknown. patient: digest of the patient ID; person: digest of
    name and date of birth; empty when unknown. identifiers: digests of everything that would tell
    the patient in a file's name: the ID, each part of the name, the date of birth. contrast:
    whether it says that contrast medium was given.
    """

    date: date | None = None
    patient: bytes = field(default=b"", repr=False)
    person: bytes = field(default=b"", repr=False)
    identifiers: frozenset[bytes] = field(default=frozenset(), repr=False)
    contrast: bool = False


def study_origin(
    dates: tuple[str, ...],
    patient_id: str = "",
    name: str = "",
    birth_date: str = "",
    *,
    contrast_agent: str = "",
) -> StudyOrigin:
    """The origin from DICOM's texts; the first of ``dates`` (YYYYMMDD) that is one counts.

    contrast_agent: as DICOM names it; "" and "NONE" (as some scanners write) for none.
    """
    person = _digest(name, birth_date) if name.strip() and birth_date.strip() else b""
    known = (_date(text) for text in dates)
    parts = [patient_id, birth_date, name, *re.split(r"[\W_]+", name)]
    words = {_letters_and_digits(part) for part in parts}
    return StudyOrigin(
        date=next((day for day in known if day is not None), None),
        patient=_digest(patient_id) if patient_id.strip() else b"",
        person=person,
        identifiers=frozenset(_digest(word) for word in words if len(word) > 1),
        contrast=contrast_agent.strip().upper() not in _NO_CONTRAST,
    )


def tells_identifier(text: str, origin: StudyOrigin) -> bool:
    """Whether ``text``, a file's name, holds one of the study's identifiers.

    The origin must have been read in this process.
    """
    words = [word for word in re.split(r"[\W_]+", text) if word]
    spans = (
        "".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(start + _MOST_WORDS, len(words)) + 1)
    )
    return any(_digest(_letters_and_digits(span)) in origin.identifiers for span in spans)


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


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _date(text: str) -> date | None:
    digits = text.strip().replace(".", "").replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
