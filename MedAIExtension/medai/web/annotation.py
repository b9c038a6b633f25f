"""A rater's work from a browser, by the same rules as in Slicer: open, keep, hand in, skip.

What a rater learns here is what the panel tells: the number of a case, never an image's name, and
nothing of anybody else.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from medai.errors import InputError, StudyError
from medai.images import to_axial
from medai.images.orientation import AxialVolume
from medai.palette import hex_color
from medai.studies import (
    QUALITIES,
    REASONS,
    Case,
    CaseView,
    Record,
    Remarks,
    Study,
    draft_question,
    open_case,
    rater_status,
    require_writable,
    training_feedback,
)
from medai.studies.record import SKIPPED
from medai.studies.session import ActiveTime
from medai.web.mask_bits import packed, unpacked
from medai.web.shown_pixels import ShownPixels, shown_pixels

# A rater's own open cases; the oldest is put away for another (its draft is on disk).
_MOST_OPEN = 4


class CaseGoneError(StudyError):
    """The case is not open here any more: it was put away, or the server began anew."""


class AlreadyHandedInError(StudyError):
    """The case was handed in from another window or device meanwhile."""


@dataclass(eq=False)
class OpenCase:
    """A case that a browser has open. revision: of the last save that is on disk."""

    id: str
    rater: str
    case: Case
    view: CaseView
    axial: AxialVolume
    pixels: ShownPixels
    lock: threading.Lock = field(default_factory=threading.Lock)
    revision: int = 0
    earlier_seconds: float = 0.0
    opened: ActiveTime = field(default_factory=ActiveTime)
    answer: dict[str, Any] | None = None


@dataclass(frozen=True)
class Save:
    """What comes with an outline. revision: grows with every save of an open case."""

    revision: int
    active_seconds: float
    remarks: Remarks
    bits: bytes


class Annotation:
    """All raters' open cases of one study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._open: dict[str, OpenCase] = {}
        self._hand_in_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def overview(self, rater: str) -> dict[str, Any]:
        """What a rater is greeted with: the rules, their own cases and unfinished outlines."""
        protocol = self.study.protocol
        status = rater_status(self.study, rater)
        now = datetime.now().astimezone()
        following = status.next_case
        drafts = []
        for draft in status.drafts:
            case = status.case_of(draft)
            if case is not None:
                question = draft_question(draft, case.number, now)
                drafts.append({"draft": draft.session, "case": case.number, "question": question})
        return {
            "title": protocol.title,
            "study": protocol.id,
            "rater": status.rater,
            "instructions": protocol.instructions,
            "labels": [{"name": e.name, "color": hex_color(e.color)} for e in protocol.labels],
            "qualities": list(QUALITIES),
            "reasons": list(REASONS),
            "time_limit_seconds": protocol.time_limit_seconds,
            "sentence": status.sentence,
            "next": None if following is None else following.number,
            "cases": [
                {
                    "number": case.number,
                    "is_training": case.is_training,
                    "state": _state(status.records.get((case.image, case.presentation))),
                }
                for case in status.cases
            ],
            "drafts": drafts,
            "warnings": list(status.warnings),
        }

    def open(
        self, rater: str, number: int, *, draft: str = "", correct: bool = False, lost: str = ""
    ) -> dict[str, Any]:
        """Open a case of ``rater``.

        draft: the session of the unfinished outline to go on with. correct: a case that is handed
        in is outlined again. lost: the session that a browser had open when it lost the server; if
        its outline arrived, the answer has "arrived": True and nothing is opened, and if a draft of
        it is there, that is taken up. Raises AlreadyHandedInError for a case that is done.
        """
        require_writable(self.study, rater)
        status = rater_status(self.study, rater)
        case = next((entry for entry in status.cases if entry.number == number), None)
        if case is None:
            raise InputError(f"There is no case {number}: expected 1 to {len(status.cases)}.")
        record = status.records.get((case.image, case.presentation))
        if record is not None and lost and record.session == lost:
            return {"arrived": True}
        if record is not None and not correct:
            raise AlreadyHandedInError(f"Case {number} is handed in already.")
        continues = next((d for d in status.drafts if d.session == (draft or lost)), None)
        if draft and (continues is None or status.case_of(continues) != case):
            raise StudyError(f"The unfinished outline of case {number} is not there any more.")
        view = open_case(
            self.study,
            rater,
            case,
            continues=continues,
            corrects=record if continues is None else None,
        )
        axial = to_axial(view.volume)
        opened = OpenCase(
            secrets.token_urlsafe(16),
            status.rater,
            case,
            view,
            axial,
            shown_pixels(axial),
            earlier_seconds=continues.active_seconds if continues else 0.0,
        )
        self._keep(opened)
        earlier = continues or record
        taken_up = earlier is not None and earlier.outcome != SKIPPED
        remarks = earlier.remarks if earlier is not None and taken_up else Remarks()
        return self._described(opened) | {"remarks": asdict(remarks)}

    def case(self, rater: str, key: str) -> OpenCase:
        """The open case ``key``. Raises CaseGoneError when ``rater`` has none of that name."""
        with self._lock:
            found = self._open.get(key)
            if found is None or found.rater != rater:
                raise CaseGoneError("The case is not open here any more: open it again.")
            # The one used last is put away last.
            self._open[key] = self._open.pop(key)
            return found

    def masks(self, opened: OpenCase) -> bytes:
        """The outlines to begin with, by the study's order of labels; see ``packed``."""
        masks = opened.view.masks or {}
        names = [label.name for label in self.study.protocol.labels if label.name in masks]
        return packed([masks[name] for name in names], opened.view.volume)

    def region(self, opened: OpenCase) -> bytes:
        """The region that counts; empty when that is the whole image."""
        region = opened.view.region
        return b"" if region is None else packed([region], opened.view.volume)

    def predictions(self, opened: OpenCase) -> bytes:
        """Each model's masks, one model after the other; empty unless the study shows them."""
        names = [label.name for label in self.study.protocol.labels]
        return b"".join(
            packed([shown.mask(name) for name in names], opened.view.volume)
            for shown in opened.view.predictions.values()
        )

    def save(self, opened: OpenCase, save: Save) -> dict[str, Any]:
        """Keep an unfinished outline. A save that was overtaken by a later one changes nothing."""
        with opened.lock:
            if opened.answer is not None:
                return opened.answer
            if save.revision > opened.revision:
                masks = self._drawn(opened, save)
                record = opened.view.session.save_draft(masks, save.remarks)
                opened.revision = save.revision
                return {"revision": opened.revision, "saved_utc": record.saved_utc}
            return {"revision": opened.revision}

    def submit(self, opened: OpenCase, save: Save) -> dict[str, Any]:
        """Hand an outline in; asked again, the answer is the same and nothing is written twice.

        Raises AlreadyHandedInError when the case was handed in elsewhere since it was opened.
        """
        with opened.lock:
            if opened.answer is not None:
                return opened.answer
            masks = self._drawn(opened, save)
            with self._hand_in_lock(opened.rater):
                # One at a time, so that of two windows one is second.
                self._require_open(opened)
                record = opened.view.session.submit(masks, save.remarks)
            feedback: list[str] = []
            if opened.case.is_training:
                found = training_feedback(self.study, opened.case.image, masks)
                feedback = [each.sentence for each in found]
            opened.answer = self._handed_in(opened, record, feedback)
            return opened.answer

    def skip(self, opened: OpenCase, reason: str, active_seconds: float) -> dict[str, Any]:
        """Leave the case without an outline, for ``reason``."""
        with opened.lock:
            if opened.answer is not None:
                return opened.answer
            self._count(opened, active_seconds)
            with self._hand_in_lock(opened.rater):
                self._require_open(opened)
                record = opened.view.session.skip(reason)
            opened.answer = self._handed_in(opened, record, [])
            return opened.answer

    def _hand_in_lock(self, rater: str) -> threading.Lock:
        with self._lock:
            return self._hand_in_locks.setdefault(rater, threading.Lock())

    def _require_open(self, opened: OpenCase) -> None:
        status = rater_status(self.study, opened.rater)
        record = status.records.get((opened.case.image, opened.case.presentation))
        if record is not None and record.session != opened.view.session.corrects:
            raise AlreadyHandedInError(
                f"Case {opened.case.number} was handed in from another window or device."
            )

    def _handed_in(self, opened: OpenCase, record: Record, feedback: list[str]) -> dict[str, Any]:
        status = rater_status(self.study, opened.rater)
        following = status.next_case
        return {
            "handed_in": True,
            "saved_utc": record.saved_utc,
            "feedback": feedback,
            "sentence": status.sentence,
            "next": None if following is None else following.number,
        }

    def _drawn(self, opened: OpenCase, save: Save) -> dict[str, Any]:
        self._count(opened, save.active_seconds)
        names = [label.name for label in self.study.protocol.labels]
        return dict(unpacked(save.bits, names, opened.axial))

    def _count(self, opened: OpenCase, active_seconds: float) -> None:
        """Take the browser's active time, which can't be longer than the case has been open."""
        longest = opened.earlier_seconds + opened.opened.seconds
        active = ActiveTime(min(max(active_seconds, opened.earlier_seconds), longest))
        active.pause()
        opened.view.session.active = active

    def _keep(self, opened: OpenCase) -> None:
        with self._lock:
            own = [key for key, entry in self._open.items() if entry.rater == opened.rater]
            for key in own[: max(0, len(own) - _MOST_OPEN + 1)]:
                del self._open[key]
            self._open[opened.id] = opened

    def _described(self, opened: OpenCase) -> dict[str, Any]:
        depth, height, width = opened.axial.grid_shape
        session = opened.view.session
        return {
            "open": opened.id,
            "session": session.id,
            "case": opened.case.number,
            "is_training": opened.case.is_training,
            "shape": [depth, height, width],
            "spacing_mm": list(opened.axial.spacing_mm) if opened.axial.has_spacing else None,
            "is_color": opened.axial.is_color,
            # Slices lie as radiologists look at them: from the feet, the patient's right at left.
            "has_sides": depth > 1 and opened.axial.has_spacing,
            "kind": opened.pixels.kind,
            "windows": [list(window) for window in opened.pixels.windows],
            "has_masks": opened.view.masks is not None,
            "has_region": opened.view.region is not None,
            "predictions": list(opened.view.predictions),
            "active_seconds": opened.earlier_seconds,
            "corrects": bool(session.corrects),
        }


def _state(record: Record | None) -> str:
    return "open" if record is None else record.outcome
