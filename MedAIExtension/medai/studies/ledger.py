"""A rater's ledger: that each submission was made, so that none can go missing unseen.

Every submission has one entry, a file of its own that is never changed. It holds the hashes of the
record and the mask and, of the entry or entries before it, the hashes too, so that the entries of a
rater form a chain: one that is removed or altered is missed by the next. Two machines of one rater
may write at once; both entries then carry the same number, and the next one names both.

An entry is written as *pending* before its record and renamed into place after it. A pending entry
whose record is there counts; one whose record isn't is a submission that didn't finish.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from medai.errors import MedAIError, StudyError
from medai.output import output_error, sync_folder, write_text
from medai.studies.record import Record, read_bytes, sealed_document, sealed_text
from medai.studies.study import Study

FORMAT = 1

_NAME = re.compile(r"(\d{6,})-(\d{8}T\d{6}Z-[0-9a-f]{12})\.json")
_PENDING = re.compile(r"pending-(\d{8}T\d{6}Z-[0-9a-f]{12})\.json")

# Says of an entry's content what only its rater can say; "" in a study without keys.
Signer = Callable[[bytes], str]


def unsigned(content: bytes) -> str:
    """No signature: what a rater without a key puts under an entry."""
    return ""


@dataclass(frozen=True)
class Entry:
    """One submission or skip, as the ledger knows it.

    number: one more than the newest entry that was there. mask_sha256: "" when skipped.
    record_file_sha256: of the record file's bytes. corrects: the session that this one replaces.
    predecessors: the entries of the number before, SHA-256 by session.
    signature: the rater's own, over everything else; "" without a key.
    """

    study: str
    number: int
    session: str
    rater: str
    image: str
    presentation: int
    outcome: str
    saved_utc: str
    corrects: str
    mask: str
    mask_sha256: str
    record_file_sha256: str
    predecessors: Mapping[str, str]
    signature: str = ""


@dataclass(frozen=True)
class LedgerFault:
    """What is wrong with the ledger itself. path: of the entry; session: whose."""

    path: Path
    session: str
    message: str


@dataclass(frozen=True)
class Ledger:
    """A rater's entries by number, oldest first, those pending with their record there included.

    unfinished: pending entries whose record was never written. lost: sessions that a later entry
    names and whose own entry is gone or altered.
    """

    entries: tuple[Entry, ...] = ()
    unfinished: tuple[Path, ...] = ()
    faults: tuple[LedgerFault, ...] = field(default=())

    @property
    def newest(self) -> int:
        """The highest number; 0 for an empty ledger."""
        return max((entry.number for entry in self.entries), default=0)

    def entry(self, session: str) -> Entry | None:
        """The entry of a session."""
        return next((entry for entry in self.entries if entry.session == session), None)


def read_ledger(study: Study, rater: str) -> Ledger:
    """``rater``'s ledger, checked against itself. Raises StudyError for an unknown rater."""
    folder = study.ledger_folder(rater)
    entries: dict[str, Entry] = {}
    hashes: dict[str, str] = {}
    unfinished: list[Path] = []
    faults: list[LedgerFault] = []
    for path in _files(folder):
        settled, pending = _NAME.fullmatch(path.name), _PENDING.fullmatch(path.name)
        session = settled.group(2) if settled else pending.group(1) if pending else ""
        if not session:
            continue
        try:
            content = read_bytes(path)
            entry = _entry(content, path)
            if (entry.study, entry.rater, entry.session) != (study.protocol.id, rater, session):
                raise StudyError(f"{path} belongs elsewhere: it isn't of this rater's session.")
            if settled and entry.number != int(settled.group(1)):
                raise StudyError(f"{path} was renamed: it is entry {entry.number}.")
        except StudyError as error:
            if settled:
                faults.append(LedgerFault(path, session, str(error)))
            else:
                unfinished.append(path)
            continue
        if pending and not _is_recorded(study, entry):
            unfinished.append(path)
        elif session not in entries or settled:
            entries[session] = entry
            hashes[session] = hashlib.sha256(content).hexdigest()
    faulty = {fault.session for fault in faults}
    for entry in entries.values():
        for session, expected in entry.predecessors.items():
            found = hashes.get(session)
            if found != expected and session not in faulty:
                path = folder / f"{entry.number - 1:06d}-{session}.json"
                what = "was altered" if found else "is missing"
                message = f"{path} {what}: the entry after it, {entry.session}, names it."
                faults.append(LedgerFault(path, session, message))
                faulty.add(session)
                entries = {key: kept for key, kept in entries.items() if key != session}
    ordered = sorted(entries.values(), key=lambda e: (e.number, e.saved_utc, e.session))
    return Ledger(tuple(ordered), tuple(unfinished), tuple(faults))


def is_entry_name(name: str) -> bool:
    """Whether a file of that name is an entry, settled or pending."""
    return bool(_NAME.fullmatch(name) or _PENDING.fullmatch(name))


def newest_number(study: Study, rater: str) -> int:
    """The number of ``rater``'s newest entry, by the file names alone; 0 when there is none."""
    names = (_NAME.fullmatch(path.name) for path in _files(study.ledger_folder(rater)))
    return max((int(name.group(1)) for name in names if name), default=0)


def write_pending(study: Study, record: Record, record_text: str, sign: Signer) -> Path:
    """Announce a submission whose record comes next. Raises OutputError."""
    folder = study.ledger_folder(record.rater)
    study.make_folder(folder)
    _settle_earlier(study, record.rater)
    number = newest_number(study, record.rater)
    predecessors = {}
    for path in _files(folder):
        name = _NAME.fullmatch(path.name)
        if name and int(name.group(1)) == number:
            predecessors[name.group(2)] = hashlib.sha256(read_bytes(path)).hexdigest()
    entry = Entry(
        study=record.study,
        number=number + 1,
        session=record.session,
        rater=record.rater,
        image=record.image,
        presentation=record.presentation,
        outcome=record.outcome,
        saved_utc=record.saved_utc,
        corrects=record.corrects,
        mask=record.mask,
        mask_sha256=record.mask_sha256,
        record_file_sha256=hashlib.sha256(record_text.encode()).hexdigest(),
        predecessors=predecessors,
    )
    document = {"format": FORMAT, **asdict(entry), "signature": sign(signed_bytes(entry))}
    path = _pending_path(study, record.rater, record.session)
    write_text(path, sealed_text(document), overwrite=True)
    return path


def settle(study: Study, rater: str, session: str) -> None:
    """The record is in place: so is its entry now. Raises OutputError."""
    path = _pending_path(study, rater, session)
    try:
        content = path.read_bytes()
        number = _entry(content, path).number
        path.rename(path.with_name(f"{number:06d}-{session}.json"))
        sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and _is_settled(path.parent, session):
            return  # Another session of this rater has done it.
        raise output_error(path, error) from error


def _is_settled(folder: Path, session: str) -> bool:
    names = (_NAME.fullmatch(path.name) for path in _files(folder))
    return any(name is not None and name.group(2) == session for name in names)


def signed_bytes(entry: Entry) -> bytes:
    """What a signature of ``entry`` is over: all of it but the signature."""
    document = {key: value for key, value in asdict(entry).items() if key != "signature"}
    return sealed_text(document).encode()


def _settle_earlier(study: Study, rater: str) -> None:
    for path in _files(study.ledger_folder(rater)):
        pending = _PENDING.fullmatch(path.name)
        if pending is None:
            continue
        # What can't be settled is found by the check; it must not stop a new submission.
        with suppress(MedAIError):
            entry = _entry(read_bytes(path), path)
            if _is_recorded(study, entry):
                settle(study, rater, entry.session)


def _is_recorded(study: Study, entry: Entry) -> bool:
    record = study.submissions_folder / entry.rater / entry.image / f"{entry.session}.json"
    try:
        return hashlib.sha256(record.read_bytes()).hexdigest() == entry.record_file_sha256
    except OSError:
        return False


def _pending_path(study: Study, rater: str, session: str) -> Path:
    return study.ledger_folder(rater) / f"pending-{session}.json"


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StudyError(f"Can't read {folder}: {error.strerror}.") from error


def _entry(content: bytes, path: Path) -> Entry:
    document = sealed_document(content, path, "ledger entry", FORMAT)
    values = {key: value for key, value in document.items() if key != "format"}
    names = {entry.name for entry in fields(Entry)}
    whole = (values.get("number"), values.get("presentation"))
    usable = (
        set(values) == names
        and all(type(value) is int for value in whole)
        and isinstance(values["predecessors"], dict)
        and all(
            isinstance(value, str)
            for key, value in values.items()
            if key not in ("number", "presentation", "predecessors")
        )
        and not re.search(r"[/\\:]", values["mask"] + values["image"])
    )
    if not usable:
        raise StudyError(f"{path} is damaged: its fields aren't those of a ledger entry.")
    return Entry(**values)
