"""What raters have handed in, and which of it counts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from medai.errors import StudyError
from medai.images import Segmentation, read_segmentation
from medai.studies.ledger import Entry, LedgerFault, read_ledger
from medai.studies.record import (
    DRAFT,
    SKIPPED,
    Record,
    is_session_id,
    parse_record,
    read_bytes,
)
from medai.studies.rescued import rescue_folder
from medai.studies.study import Study
from medai.unlinked import open_unlinked

# Rater, image, presentation.
CaseKey = tuple[str, str, int]

_ANY_PRESENTATION = 0


@dataclass(frozen=True)
class SubmissionFault:
    """A submission that was made and isn't whole any more.

    presentation: 0 where the damage hides it. number: of its ledger entry, infinite where unknown.
    path: what is damaged or missing.
    """

    rater: str
    image: str
    presentation: int
    session: str
    number: float
    path: Path
    message: str
    corrects: str = ""

    def is_of(self, key: CaseKey) -> bool:
        """Whether it may be a submission of that case."""
        rater, image, presentation = key
        same_image = (self.rater, self.image) == (rater, image)
        return same_image and self.presentation in (_ANY_PRESENTATION, presentation)


@dataclass(frozen=True)
class History:
    """Everything a rater has handed in. records: readable ones, oldest first.

    numbers: of the ledger, by session; a record without an entry has none.
    faults: submissions that are damaged or missing. ledger_faults: what is wrong with the ledger.
    unlisted: records that no ledger entry tells of, although the study keeps ledgers.
    """

    rater: str
    records: tuple[Record, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[SubmissionFault, ...] = ()
    ledger_faults: tuple[LedgerFault, ...] = ()
    unlisted: tuple[Record, ...] = ()

    @property
    def sound_records(self) -> tuple[Record, ...]:
        """The records of which nothing is missing, oldest first."""
        broken = {fault.session for fault in self.faults}
        return tuple(record for record in self.records if record.session not in broken)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the rater and the study's owner should know, one line each."""
        lines = [fault.message for fault in self.faults]
        lines += [fault.message for fault in self.ledger_faults]
        lines += [
            f"Submission {record.session} of rater {record.rater} on image {record.image} is in no "
            "ledger: its entry was removed, or another program wrote it."
            for record in self.unlisted
        ]
        lines += [
            f"Rater {rater} submitted image {image} {len(records)} times independently"
            f"{' (second presentation)' if presentation == 2 else ''}: the last one, "
            f"{records[-1].session}, counts."
            for (rater, image, presentation), records in _independent(self.records).items()
        ]
        return tuple(lines)


@dataclass(frozen=True)
class Counted:
    """What counts in a study. refused: cases whose newest submission is damaged, and why.

    earlier: for a case with several submissions, those before the one that counts, newest first.
    warnings: about damaged and missing submissions and ledgers, one line each.
    """

    records: Mapping[CaseKey, Record]
    refused: Mapping[CaseKey, str]
    earlier: Mapping[CaseKey, tuple[Record, ...]]
    warnings: tuple[str, ...]


def rater_history(study: Study, rater: str) -> History:
    """What ``rater`` has handed in, held against the rater's ledger; nobody else's is looked at.

    Masks are looked for, not read: ``check_study`` and ``read_mask`` compare their hashes.
    Raises StudyError for an unknown rater, StudyGoneError when the study is gone.
    """
    rater = study.protocol.require_rater(rater)
    study.require_present()
    ledger = read_ledger(study, rater)
    entries = {entry.session: entry for entry in ledger.entries}
    lost = {fault.session for fault in ledger.faults}
    records: list[Record] = []
    faults: list[SubmissionFault] = []
    unlisted: list[Record] = []
    folder = study.unlinked(study.submissions_folder / rater)
    seen: set[str] = set()
    for path in sorted(folder.glob("*/*.json")):
        session = path.stem
        if not is_session_id(session):
            continue
        entry = entries.get(session)
        try:
            record = _record(study, rater, path, entry)
        except StudyError as error:
            image = path.parent.name
            if entry is None and any(image == known.name for known in study.protocol.images):
                faults.append(_fault_without_entry(rater, image, session, path, str(error)))
            continue
        seen.add(session)
        records.append(record)
        if entry is None and session not in lost and study.protocol.keeps_ledgers:
            unlisted.append(record)
        if record.mask and not mask_path(study, record).is_file():
            message = f"{mask_path(study, record)} is missing, but its record is there."
            faults.append(_fault(record, _number(entry), mask_path(study, record), message))
    for entry in ledger.entries:
        if entry.session not in seen:
            faults.append(_missing(study, entry))
    numbers = {entry.session: entry.number for entry in ledger.entries}

    def order(record: Record) -> tuple[float, str, str]:
        # What no entry tells of is older than the ledger.
        return numbers.get(record.session, 0), record.saved_utc, record.session

    return History(
        rater,
        tuple(sorted(records, key=order)),
        numbers,
        tuple(faults),
        ledger.faults,
        tuple(unlisted),
    )


def rater_records(study: Study, rater: str) -> tuple[Record, ...]:
    """``rater``'s readable submissions and skips, oldest first; see ``rater_history``."""
    return rater_history(study, rater).records


def study_records(study: Study) -> tuple[Record, ...]:
    """All raters' submissions and skips, rater by rater in the protocol's order."""
    return tuple(
        record for rater in study.protocol.raters for record in rater_records(study, rater)
    )


def study_counted(study: Study, *, superseded: bool = False) -> Counted:
    """What counts of all raters. superseded: where the newest submission of a case is damaged, the
    one before it counts; without it such a case is refused.
    """
    records: dict[CaseKey, Record] = {}
    refused: dict[CaseKey, str] = {}
    earlier: dict[CaseKey, tuple[Record, ...]] = {}
    warnings: list[str] = []
    for rater in study.protocol.raters:
        history = rater_history(study, rater)
        warnings += history.warnings
        sound = history.sound_records
        last = counting(sound)
        for record in reversed(sound):
            key = (record.rater, record.image, record.presentation)
            if record != last[key]:
                earlier[key] = (*earlier.get(key, ()), record)
        for key, message in refused_cases(history).items():
            if superseded and key in last:
                warnings.append(
                    f"{key[1]}: the newest submission of rater {rater} is damaged; the one before "
                    f"it, {last[key].session}, stands in for it."
                )
            else:
                refused[key] = message
                last.pop(key, None)
        records |= last
    return Counted(records, refused, earlier, tuple(warnings))


def refused_cases(history: History) -> dict[CaseKey, str]:
    """The cases whose newest submission is damaged or missing, and what is wrong with it."""
    refused: dict[CaseKey, str] = {}
    last = counting(history.sound_records)
    corrected = {record.corrects for record in history.records}
    corrected |= {fault.corrects for fault in history.faults}
    for fault in history.faults:
        if fault.session in corrected:
            continue
        keys = [key for key in last if fault.is_of(key)]
        if not keys and fault.presentation != _ANY_PRESENTATION:
            keys = [(fault.rater, fault.image, fault.presentation)]
        for key in keys:
            newest = last.get(key)
            number = history.numbers.get(newest.session, 0) if newest else 0
            if newest is None or newest.session in corrected or fault.number >= number:
                refused[key] = fault.message
    return refused


def is_in_place(record: Record, study: Study, rater: str, image: str) -> bool:
    """Whether a record lies where its own words put it: in this study, rater and image."""
    names = (record.study, record.rater, record.image)
    return names == (study.protocol.id, rater, image)


def counting(records: Iterable[Record]) -> dict[CaseKey, Record]:
    """The record that counts for each (rater, image, presentation): the last of ``records``.

    records: oldest first, as ``rater_history`` gives them. Earlier ones stay on disk. A correction
    is a new session, and counts whatever the clocks say: two machines of one rater may disagree
    about the time.
    """
    records = tuple(records)
    corrected = {record.corrects for record in records}
    return {
        (record.rater, record.image, record.presentation): record
        for record in sorted(records, key=lambda record: record.session not in corrected)
    }


def mask_path(study: Study, record: Record) -> Path:
    """Where the mask that ``record`` names lies."""
    if record.outcome != DRAFT:
        return study.submission_folder(record.rater, record.image) / record.mask
    path = study.draft_folder(record.rater) / record.mask
    return path if path.is_file() else rescue_folder(study, record.rater) / record.mask


def read_mask(study: Study, record: Record) -> Segmentation:
    """The mask that ``record`` names.

    Raises StudyError when it is missing, damaged, a link, or not the one that was saved (hash).
    """
    # What was hashed is what is read, whatever is put in the file's place meanwhile.
    content = mask_content(study, record)
    with TemporaryDirectory(prefix="medai-") as own:
        path = Path(own) / mask_path(study, record).name
        path.write_bytes(content)
        return read_segmentation(path)


def mask_content(study: Study, record: Record) -> bytes:
    """The bytes of the mask that ``record`` names, compared with its hash. Raises as read_mask."""
    path = mask_path(study, record)
    try:
        with open_unlinked(path) as stream:
            content = stream.read()
        found = hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise StudyError(f"{path} is missing, but its record is there.") from None
    except OSError as error:
        raise StudyError(f"Can't read {path}: {error.strerror}.") from error
    if found != record.mask_sha256:
        raise StudyError(
            f"{path} was altered or damaged after it was saved: SHA-256 {found[:12]}…, "
            f"expected {record.mask_sha256[:12]}…."
        )
    return content


def _record(study: Study, rater: str, path: Path, entry: Entry | None) -> Record:
    content = read_bytes(path)
    record = parse_record(content, path)
    if not is_in_place(record, study, rater, path.parent.name) or record.session != path.stem:
        raise StudyError(f"{path} belongs elsewhere: it isn't of this rater, image and session.")
    if record.outcome == DRAFT:
        raise StudyError(f"{path} is a draft among submissions.")
    if entry is not None and hashlib.sha256(content).hexdigest() != entry.record_file_sha256:
        raise StudyError(f"{path} is not what was submitted: the ledger holds another hash of it.")
    return record


def _missing(study: Study, entry: Entry) -> SubmissionFault:
    path = study.submissions_folder / entry.rater / entry.image / f"{entry.session}.json"
    what = "was altered or damaged" if path.is_file() else "is missing"
    kind = "skip" if entry.outcome == SKIPPED else "submission"
    message = (
        f"The {kind} {entry.session} of rater {entry.rater} on image {entry.image} {what}: the "
        f"ledger names it (entry {entry.number}, {path})."
    )
    return SubmissionFault(
        entry.rater,
        entry.image,
        entry.presentation,
        entry.session,
        entry.number,
        path,
        message,
        entry.corrects,
    )


def _fault(record: Record, number: float, path: Path, message: str) -> SubmissionFault:
    return SubmissionFault(
        record.rater,
        record.image,
        record.presentation,
        record.session,
        number,
        path,
        message,
        record.corrects,
    )


def _fault_without_entry(
    rater: str, image: str, session: str, path: Path, message: str
) -> SubmissionFault:
    # Nothing tells when it was made or for which presentation: it may be the newest of either.
    return SubmissionFault(rater, image, _ANY_PRESENTATION, session, math.inf, path, message)


def _number(entry: Entry | None) -> float:
    return math.inf if entry is None else entry.number


def _independent(records: tuple[Record, ...]) -> dict[CaseKey, list[Record]]:
    """Cases with more than one submission that no other one of them corrects."""
    corrected = {record.corrects for record in records}
    found: dict[CaseKey, list[Record]] = {}
    for record in records:
        if record.session not in corrected:
            found.setdefault((record.rater, record.image, record.presentation), []).append(record)
    return {key: submitted for key, submitted in found.items() if len(submitted) > 1}
