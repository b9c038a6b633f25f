"""The annotator's side of the panel: case after case, blind to everybody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from medai.errors import MedAIError, StudyError
from medai.studies import (
    AUTOSAVE_SECONDS,
    Remarks,
    Study,
    draft_question,
    rater_status,
)
from medai_panels.connections import Connections
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from RaterAgreementLib.case_editor import CaseEditor
from RaterAgreementLib.remarks_controls import RemarksControls
from RaterAgreementLib.shortcuts import Shortcuts

_CLOCK_MS = 1000


class AnnotateSide:
    """Runs one rater's sessions with the controls of ``annotateBox``."""

    def __init__(self, ui: Any, logic: Any, window: Any, shown_rater: Callable[[], str]) -> None:
        """``shown_rater()`` is who the panel says is at work; "" for nobody and the owner."""
        self._ui, self._logic, self._shown_rater = ui, logic, shown_rater
        self._is_shown = False  # whether the panel shows this side
        self._editor = CaseEditor(ui.segmentEditor)
        self._remarks = RemarksControls(ui)
        self._study: Study | None = None
        self._rater = ""
        self._session: Any = None
        self._case: Any = None
        self._saved_remarks = Remarks()
        self._waits = False  # feedback is being read: the next case waits for the button
        self._keys = Shortcuts(
            window,
            # Two shortcuts of one key make both dead: none that Slicer or its Segment Editor has.
            {
                "Ctrl+Return": self._on_submit,
                "Ctrl+Enter": self._on_submit,
                "Ctrl+L": self._on_quality,
                "Ctrl+J": self._on_pause_key,
                "Ctrl+K": self._on_skip,
            },
        )
        self._autosave = qt.QTimer()
        self._autosave.setInterval(int(1000 * AUTOSAVE_SECONDS))
        self._clock = qt.QTimer()
        self._clock.setInterval(_CLOCK_MS)
        self._connections = Connections()
        for signal, slot in (
            (ui.startButton.clicked, self._on_start),
            (ui.submitButton.clicked, self._on_submit),
            (ui.pauseButton.clicked, self._on_pause),
            (ui.skipButton.clicked, self._on_skip),
            (ui.correctButton.clicked, self._on_correct),
            (self._autosave.timeout, self._on_autosave),
            (self._clock.timeout, self._on_clock),
        ):
            self._connections.add(signal, slot)
        self._show()

    @property
    def is_unsaved(self) -> bool:
        """Whether the open case has changes that no draft holds."""
        changed = self._editor.is_changed or self._remarks.remarks != self._saved_remarks
        return self._session is not None and changed

    def serves(self, rater: str) -> bool:
        """Whether ``rater`` is at work here."""
        return self._study is not None and self._rater == rater

    def begin(self, study: Study, rater: str) -> None:
        """Serve ``rater`` of ``study``: offer the unfinished outline, else show the next case.

        Raises OutputError when the rater can't save here.
        """
        self.leave()
        self._logic.require_writable(study, rater)
        self._study, self._rater = study, rater
        self._show()
        if not self._offer_draft():
            self._open_next()

    def leave(self) -> None:
        """Put the open case away: what isn't handed in is kept as a draft.

        Raises OutputError when the draft can't be saved; then the case stays on the screen.
        """
        if self.is_unsaved:
            self._save_draft()
        self._close_case()
        self._study = None
        self._show()

    def abandon(self) -> None:
        """The scene closes: save what can be saved, and forget the nodes."""
        with shown_errors(_("The outline couldn't be kept.")):
            if self.is_unsaved:
                self._save_draft()
        self._editor.forget()
        self._close_case()
        self._show()

    def deactivate(self) -> None:
        """This side is hidden: keep a draft and stop the clock; the case stays open, untouched."""
        self._is_shown = False
        with shown_errors(_("The outline couldn't be kept.")):
            if self._session is not None and not self._session.active.is_paused:
                self._pause(True)
        self._keys.set_active(False)

    def activate(self) -> None:
        """This side is shown again."""
        self._is_shown = True
        self._keys.set_active(self._session is not None)

    def close(self) -> None:
        """Let go of timers, keys and connections."""
        self._autosave.stop()
        self._clock.stop()
        self._keys.close()
        self._connections.release()

    # What the rater does.

    def _on_start(self, *args: Any) -> None:
        with shown_errors(_("The next case can't be opened."), wait_cursor=True):
            if not self._offer_draft():
                self._open_next()

    def _on_submit(self, *args: Any) -> None:
        with shown_errors(_("The outline can't be submitted. It is still on the screen.")):
            if not self._may_act():
                return
            masks = self._editor.masks()
            empty = not any(mask.any() for mask in masks.values())
            question = _("Nothing is outlined. Submit the image as one with nothing to outline?")
            if empty and not slicer.util.confirmYesNoDisplay(question):
                return
            session, case = self._session, self._case
            session.submit(masks, self._remarks.remarks)
            self._close_case()
            self._show()
            self._go_on(session.image, case, masks)

    def _on_skip(self, *args: Any) -> None:
        with shown_errors(_("The case can't be skipped.")):
            if not self._may_act():
                return
            self._session.skip(self._ui.skipLineEdit.property("text"))
            self._close_case()
            self._show()
            self._on_start()

    def _on_pause(self, *args: Any) -> None:
        with shown_errors(_("The draft can't be saved.")):
            if self._may_act():
                self._pause(not self._session.active.is_paused)

    def _on_pause_key(self, *args: Any) -> None:
        self._on_pause()

    def _on_quality(self, *args: Any) -> None:
        with shown_errors(_("The quality can't be changed.")):
            if self._may_act():
                self._remarks.next_quality()

    def _may_act(self) -> bool:
        """Whether there is a case on the screen to act on. Raises StudyError when it isn't of the
        rater that the panel shows."""
        if self._session is None or not self._is_shown:
            return False
        shown = self._shown_rater()
        if shown != self._session.rater:
            raise StudyError(
                _(
                    "The outline on the screen is {rater}'s, and the panel shows {shown}: choose "
                    "{rater} again, then go on."
                ).format(rater=self._session.rater, shown=shown or _("nobody"))
            )
        return True

    def _on_correct(self, *args: Any) -> None:
        with shown_errors(_("The case can't be opened."), wait_cursor=True):
            index = self._ui.doneComboBox.property("currentIndex")
            if not 0 <= index < len(self._done):
                return
            self._leave_case()
            self._open(self._done[index][0], corrects=self._done[index][1])

    # Cases.

    def _offer_draft(self) -> bool:
        status = rater_status(self._study, self._rater)
        for draft in status.drafts[:1]:
            case = status.case_of(draft)
            if case is None:
                continue
            question = draft_question(draft, case.number, datetime.now().astimezone())
            if slicer.util.confirmYesNoDisplay(question):
                self._open(case, continues=draft)
                return True
        return False

    def _go_on(self, image: str, case: Any, masks: Any) -> None:
        with shown_errors(_("The outline is submitted, but the next case can't be opened.")):
            if case.is_training:
                self._show_feedback(image, case.number, masks)
            else:
                self._open_next()

    def _open_next(self) -> None:
        case = rater_status(self._study, self._rater).next_case
        if case is not None:
            self._open(case)
        self._show()

    def _open(self, case: Any, continues: Any = None, corrects: Any = None) -> None:
        view = self._logic.open_case(self._study, self._rater, case, continues, corrects)
        self._close_case()
        self._editor.open(view, self._study.protocol.labels)
        self._session, self._case = view.session, case
        earlier = continues or corrects
        self._saved_remarks = earlier.remarks if earlier is not None else Remarks()
        if corrects is not None and not corrects.mask:
            self._saved_remarks = Remarks()  # a skip's reason is no remark on the image
        self._remarks.show(self._saved_remarks)
        self._ui.skipLineEdit.setText("")
        self._ui.feedbackLabel.setText("")
        self._waits = False
        self._autosave.start()
        self._clock.start()
        self._keys.set_active(self._is_shown)
        self._show()

    def _leave_case(self) -> None:
        if self.is_unsaved:
            self._save_draft()
        self._close_case()

    def _close_case(self) -> None:
        self._autosave.stop()
        self._clock.stop()
        self._keys.set_active(False)
        self._editor.close()
        self._session = self._case = None

    def _save_draft(self) -> None:
        remarks = self._remarks.remarks
        self._session.save_draft(self._editor.masks(), remarks)
        self._editor.is_changed = False
        self._saved_remarks = remarks

    def _on_autosave(self, *args: Any) -> None:
        if not self.is_unsaved:
            return
        try:
            self._save_draft()
        except MedAIError as error:
            # A box every 20 seconds would stop the work that it warns about.
            self._ui.timeLabel.setText(_("Autosave failed: {error}").format(error=error))

    def _pause(self, paused: bool) -> None:
        if paused:
            self._session.active.pause()
            if self.is_unsaved:
                self._save_draft()
        else:
            self._session.active.resume()
        self._editor.pause(paused)
        self._show()

    def _show_feedback(self, image: str, number: int, masks: Any) -> None:
        lines = self._logic.feedback(self._study, image, masks)
        self._waits = True
        self._show()
        self._ui.feedbackLabel.setText(
            _("Training case {number} is submitted.").format(number=number)
            + "\n"
            + "\n".join(lines)
        )

    # What the panel shows.

    def _show(self) -> None:
        ui = self._ui
        has_case = self._session is not None
        ui.caseBox.setVisible(has_case)
        self._done = []
        sentence = _("Open a study and say who you are.")
        if self._study is not None:
            status = rater_status(self._study, self._rater)
            sentence = status.sentence
            self._done = [
                (status.case_of(record), record)
                for record in sorted(status.records.values(), key=lambda r: r.saved_utc)
            ]
            if has_case:
                kind = _("Training case") if self._case.is_training else _("Case")
                done = sentence.partition(" · ")[2]
                sentence = f"{kind} {self._case.number} of {len(status.cases)} · {done}"
            if status.warnings:
                sentence += "\n" + status.warnings[0]
            all_done = status.next_case is None
            ui.startButton.setText(_("Next case") if self._waits else _("Start"))
            set_usable(ui.startButton, _("All cases are done.") if all_done else "")
        ui.startButton.setVisible(self._study is not None and not has_case)
        ui.caseLabel.setText(sentence)
        ui.timeLabel.setVisible(has_case)
        ui.feedbackLabel.setVisible(self._waits)
        ui.keysLabel.setVisible(has_case)
        self._show_done()
        if has_case:
            paused = self._session.active.is_paused
            ui.pauseButton.setChecked(paused)
            ui.pauseButton.setText(_("Go on") if paused else _("Pause"))
            reason = _("The case is paused: go on first.") if paused else ""
            for widget in (ui.submitButton, ui.skipButton):
                set_usable(widget, reason)
            self._on_clock()

    def _show_done(self) -> None:
        ui = self._ui
        ui.doneComboBox.clear()
        for case, record in self._done:
            word = _("submitted") if record.mask else _("skipped")
            ui.doneComboBox.addItem(
                _("Case {number}, {word}").format(number=case.number, word=word)
            )
        reason = "" if self._done else _("No case of yours is handed in yet.")
        for widget in (ui.doneComboBox, ui.correctButton):
            set_usable(widget, reason)
            widget.setVisible(self._study is not None)

    def _on_clock(self, *args: Any) -> None:
        if self._session is None:
            return
        seconds = self._session.active.seconds
        limit = self._study.protocol.time_limit_seconds
        text = _("Time on this case {spent}").format(spent=_clock_text(seconds))
        if limit is not None:
            text = _("{text} of {limit}").format(text=text, limit=_clock_text(limit))
            if seconds >= limit:
                text += " · " + _("time is up: submit or skip")
                self._editor.pause(True)
        self._ui.timeLabel.setText(text)


def _clock_text(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
