"""The record beside each mask: who, what, when, how long, and the hashes that seal it."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from medai.errors import StudyError

# 2: ``after`` and ``continues_mask``, so that what came first is known whatever the clocks say.
FORMAT = 2

QUALITIES = ("low", "normal", "high")
REASONS = ("out of focus", "overexposed", "other")
SUBMITTED = "submitted"
SKIPPED = "skipped"
DRAFT = "draft"

_SEAL = "record_sha256"
_FIELD_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float)}
_SESSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")


@dataclass(frozen=True)
class Remarks:
    """What a rater says about an image. Raises StudyError on a word the study doesn't know.

    quality: one of QUALITIES. reasons: of REASONS, why the quality is what it is.
    other_reason: free text for the reason "other", or why the case was skipped.
    """

    quality: str = "normal"
    reasons: tuple[str, ...] = ()
    other_reason: str = ""

    def __post_init__(self) -> None:
        if self.quality not in QUALITIES:
            raise StudyError(
                f"Image quality is {self.quality!r}: expected one of {', '.join(QUALITIES)}."
            )
        for reason in self.reasons:
            if reason not in REASONS:
                raise StudyError(
                    f"Quality reason is {reason!r}: expected one of {', '.join(REASONS)}."
                )


@dataclass(frozen=True)
class Record:
    """One session of one rater on one image: submitted, skipped, or a draft.

    session: unique over all machines. presentation: 1, or 2 for a repeated image.
    started_utc, saved_utc: ISO 8601 in UTC. active_seconds: time spent, pauses left out.
    continues: the session whose draft was taken up. corrects: the submitted session this replaces.
    mask: file name of the mask beside the record, "" when skipped; mask_sha256 of its bytes.
    image_sha256: of the image as the rater saw it. software: what wrote it.
    after: number of the rater's newest ledger entry when this was saved, 0 when there was none.
    continues_mask: file name of the draft's mask that was taken up.
    """

    study: str
    session: str
    rater: str
    image: str
    presentation: int
    outcome: str
    started_utc: str
    saved_utc: str
    active_seconds: float
    remarks: Remarks
    image_sha256: str
    mask: str = ""
    mask_sha256: str = ""
    continues: str = ""
    corrects: str = ""
    software: str = ""
    after: int = 0
    continues_mask: str = ""


def new_session_id(now: datetime) -> str:
    """An id that no other session has, on this or any machine: the time and 48 random bits."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(6)}"


def is_session_id(text: str) -> bool:
    """Whether ``text`` has the form of a session id."""
    return _SESSION.fullmatch(text) is not None


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def local_time(text: str) -> datetime:
    """The moment that ``utc_text`` wrote, in this machine's time zone."""
    return datetime.fromisoformat(text).astimezone()


def record_text(record: Record) -> str:
    """The record as JSON, sealed with a SHA-256 over its own content."""
    return sealed_text({"format": FORMAT, **asdict(record)})


def read_record(path: Path) -> Record:
    """Read a record. Raises StudyError when it is damaged, altered or of a newer version."""
    return parse_record(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """The bytes of one of a study's small files. Raises StudyError when it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StudyError(f"Can't read {path}: {error.strerror}.") from error


def parse_record(content: bytes, path: Path) -> Record:
    """The record that ``path`` holds as ``content``; StudyError as ``read_record``."""
    return _record(sealed_document(content, path, "record", FORMAT), path)


def sealed_text(document: Mapping[str, Any]) -> str:
    """``document`` as JSON with a SHA-256 over its own content."""
    return json.dumps({**document, _SEAL: _seal(document)}, indent=1, ensure_ascii=False) + "\n"


def sealed_document(content: bytes, path: Path, what: str, newest: int) -> dict[str, Any]:
    """What ``sealed_text`` wrote as ``content``; what: "record", say; newest: format known here.

    Raises StudyError when it is damaged, altered or of a newer version.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is damaged: it isn't a JSON {what}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise StudyError(f"{path} is damaged: it isn't a {what} of a MedAI study.")
    if document["format"] > newest:
        raise StudyError(
            f"{path} was written by a newer MedAI ({what} format {document['format']}; this one "
            f"reads up to {newest}): update MedAI to read it."
        )
    seal = document.pop(_SEAL, None)
    if seal != _seal(document):
        raise StudyError(f"{path} was altered after it was written: its content and seal differ.")
    return document


def _record(document: Mapping[str, Any], path: Path) -> Record:
    values = {key: value for key, value in document.items() if key != "format"}
    try:
        remarks = values.pop("remarks")
        record = Record(
            remarks=Remarks(
                remarks["quality"], tuple(remarks["reasons"]), str(remarks["other_reason"])
            ),
            **values,
        )
    except (KeyError, TypeError, StudyError) as error:
        raise StudyError(f"{path} is damaged: its fields aren't those of a record.") from error
    for entry in fields(Record):
        kinds = _FIELD_KINDS.get(str(entry.type))
        if kinds and not isinstance(getattr(record, entry.name), kinds):
            raise StudyError(f"{path} is damaged: {entry.name} is not what it should be.")
    usable = (
        record.outcome in (SUBMITTED, SKIPPED, DRAFT)
        and record.presentation in (1, 2)
        and is_session_id(record.session)
        and math.isfinite(record.active_seconds)
        # A record names a file beside it, never a path.
        and not re.search(r"[/\\:]", record.mask + record.continues_mask)
        and bool(record.mask) == (record.outcome != SKIPPED)
    )
    if not usable:
        raise StudyError(f"{path} is damaged: its fields contradict each other.")
    return record


def _seal(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
