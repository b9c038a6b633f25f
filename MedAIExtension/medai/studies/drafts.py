"""Unfinished outlines: finding the one to offer when a rater comes back."""

from __future__ import annotations

from datetime import datetime

from medai.errors import StudyError
from medai.studies.record import DRAFT, Record, is_session_id, local_time, read_record
from medai.studies.study import Study
from medai.studies.submissions import is_in_place, rater_records


def open_drafts(study: Study, rater: str) -> tuple[Record, ...]:
    """``rater``'s drafts that are neither handed in nor taken up since, newest first.

    Raises StudyError for an unknown rater.
    """
    drafts = saved_drafts(study, rater)
    later = (*drafts, *rater_records(study, rater))
    unfinished = [
        draft for draft in drafts if not any(_is_superseded(draft, other) for other in later)
    ]
    return tuple(sorted(unfinished, key=lambda draft: draft.saved_utc, reverse=True))


def saved_drafts(study: Study, rater: str) -> tuple[Record, ...]:
    """Every readable draft of ``rater`` whose mask is there."""
    folder = study.draft_folder(rater)
    drafts = []
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
            drafts.append(record)
    return tuple(drafts)


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


def _is_superseded(draft: Record, other: Record) -> bool:
    if other.session == draft.corrects:
        return False  # Begun after it, whatever the two machines' clocks say.
    if other.outcome != DRAFT:
        same_case = (other.image, other.presentation) == (draft.image, draft.presentation)
        if other.session == draft.session or (same_case and other.saved_utc >= draft.saved_utc):
            return True
    # Two machines may hold the same draft: work saved after the other took it up is offered again.
    return other.continues == draft.session and draft.saved_utc <= other.started_utc
