"""Unfinished outlines: finding the one to offer when a rater comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from medai.errors import StudyError
from medai.studies.record import DRAFT, Record, is_session_id, local_time, read_record
from medai.studies.rescued import rescue_folder
from medai.studies.study import Study
from medai.studies.submissions import is_in_place, rater_history

_SAVE_NUMBER = re.compile(r"-(\d+)\.seg\.nrrd$")


def open_drafts(study: Study, rater: str) -> tuple[Record, ...]:
    """``rater``'s drafts that are neither handed in nor taken up since, newest first.

    Raises StudyError for an unknown rater.
    """
    rater = study.protocol.require_rater(rater)
    drafts = saved_drafts(study, rater)
    history = rater_history(study, rater)
    later = (*drafts, *history.records)
    unfinished = [
        draft
        for draft in drafts
        if not any(_is_superseded(draft, other, history.numbers) for other in later)
    ]
    return tuple(sorted(unfinished, key=lambda draft: draft.saved_utc, reverse=True))


def saved_drafts(study: Study, rater: str) -> tuple[Record, ...]:
    """Every readable draft of ``rater`` whose mask is there, those on this computer included."""
    newest: dict[str, Record] = {}
    for folder in (study.draft_folder(rater), rescue_folder(study, rater)):
        for draft in _drafts_in(folder, study, rater):
            known = newest.get(draft.session)
            if known is None or save_number(draft.mask) > save_number(known.mask):
                newest[draft.session] = draft
    return tuple(newest[session] for session in sorted(newest))


def _drafts_in(folder: Path, study: Study, rater: str) -> Iterator[Record]:
    for path in sorted(folder.glob("*.json")):
        if not is_session_id(path.stem):
            continue
        try:
            record = read_record(path)
        except StudyError:
            continue
        if (
            record.outcome == DRAFT
            and is_in_place(record, study, rater, record.image)
            and (folder / record.mask).is_file()
        ):
            yield record


def save_number(mask: str) -> int:
    """Which save of its session the mask of a draft is, from 1; 0 for a name of another form."""
    found = _SAVE_NUMBER.search(mask)
    return int(found.group(1)) if found else 0


def draft_question(draft: Record, case_number: int, now: datetime) -> str:
    """ "You have an unfinished outline for case 17 from yesterday 22:41. Continue?"

    now: the present, with a time zone; days are counted in it.
    """
    saved = local_time(draft.saved_utc).astimezone(now.tzinfo)
    days = (now.date() - saved.date()).days
    day = {0: "today", 1: "yesterday"}.get(days, f"{saved:%d %B %Y}".lstrip("0"))
    return (
        f"You have an unfinished outline for case {case_number} from {day} {saved:%H:%M}. Continue?"
    )


def _is_superseded(draft: Record, other: Record, numbers: Mapping[str, int]) -> bool:
    if other.session == draft.corrects:
        return False  # Begun after it, whatever the two machines' clocks say.
    if other.outcome != DRAFT:
        same_case = (other.image, other.presentation) == (draft.image, draft.presentation)
        if other.session == draft.session or (same_case and _is_later(draft, other, numbers)):
            return True
    # Two machines may hold the same draft: work saved after the other took it up is offered again.
    if other.continues != draft.session:
        return False
    if other.continues_mask:
        return save_number(draft.mask) <= save_number(other.continues_mask)
    return draft.saved_utc <= other.started_utc


def _is_later(draft: Record, submission: Record, numbers: Mapping[str, int]) -> bool:
    """Whether the submission came after the draft was saved; the ledger knows, clocks may lie."""
    if submission.session in numbers and draft.after:
        return numbers[submission.session] > draft.after
    return submission.saved_utc >= draft.saved_utc
