"""What raters have handed in, and which of it counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from medai.errors import StudyError
from medai.images import Segmentation, read_segmentation
from medai.studies.hashes import file_sha256
from medai.studies.record import DRAFT, Record, is_session_id, read_record
from medai.studies.study import Study


def rater_records(study: Study, rater: str) -> tuple[Record, ...]:
    """``rater``'s submissions and skips, oldest first; nobody else's files are looked at.

    Records that can't be read are passed over: ``check_study`` names them.
    Raises StudyError for an unknown rater.
    """
    study.protocol.require_rater(rater)
    folder = study.submissions_folder / rater
    records = []
    for path in sorted(folder.glob("*/*.json")):
        if not is_session_id(path.stem):
            continue
        try:
            record = read_record(path)
        except StudyError:
            continue
        if is_in_place(record, study, rater, path.parent.name) and record.outcome != DRAFT:
            records.append(record)
    return tuple(sorted(records, key=lambda record: (record.saved_utc, record.session)))


def study_records(study: Study) -> tuple[Record, ...]:
    """All raters' submissions and skips, rater by rater in the protocol's order."""
    return tuple(
        record for rater in study.protocol.raters for record in rater_records(study, rater)
    )


def is_in_place(record: Record, study: Study, rater: str, image: str) -> bool:
    """Whether a record lies where its own words put it: in this study, rater and image."""
    names = (record.study, record.rater, record.image)
    return names == (study.protocol.id, rater, image)


def counting(records: Iterable[Record]) -> dict[tuple[str, str, int], Record]:
    """The record that counts for each (rater, image, presentation): the last one saved.

    Earlier ones stay on disk. A correction is a new session, and counts whatever the clocks say:
    two machines of one rater may disagree about the time.
    """
    records = tuple(records)
    corrected = {record.corrects for record in records}

    def order(record: Record) -> tuple[bool, str, str]:
        return record.session not in corrected, record.saved_utc, record.session

    return {
        (record.rater, record.image, record.presentation): record
        for record in sorted(records, key=order)
    }


def mask_path(study: Study, record: Record) -> Path:
    """Where the mask that ``record`` names lies."""
    if record.outcome == DRAFT:
        return study.draft_folder(record.rater) / record.mask
    return study.submission_folder(record.rater, record.image) / record.mask


def read_mask(study: Study, record: Record) -> Segmentation:
    """The mask that ``record`` names.

    Raises StudyError when it is missing, damaged, or not the one that was saved (hash).
    """
    path = mask_path(study, record)
    try:
        found = file_sha256(path)
    except FileNotFoundError:
        raise StudyError(f"{path} is missing, but its record is there.") from None
    except OSError as error:
        raise StudyError(f"Can't read {path}: {error.strerror}.") from error
    if found != record.mask_sha256:
        raise StudyError(
            f"{path} was altered or damaged after it was saved: SHA-256 {found[:12]}…, "
            f"expected {record.mask_sha256[:12]}…."
        )
    return read_segmentation(path)
