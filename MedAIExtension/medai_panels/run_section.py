"""The Run section: one button that becomes Cancel, a bar, what is happening, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from medai.errors import CancelledError
from medai_panels.connections import Connections
from medai_panels.shown_errors import shown_errors
from medai_panels.shown_text import literal
from medai_panels.time_left import TimeLeft
from medai_panels.usable import set_usable
from medai_panels.wrapping_label import wrapping_label

_POLL_MS = 50
_ENDED = ("done", "failed", "cancelled")
_BAR_STEPS = 1000
# A result is shown for this long at a stretch; then the window has its turn.
_SHOW_SECONDS = 0.015


class RunSection:
    """Fills ``section`` (a ctkCollapsibleButton with a layout) and follows one job at a time.

    ``start()`` returns a job (``poll()``, ``state``, ``progress``, ``result``, ``error``,
    ``cancel()``); ``finished(result)`` is called when it is done. What takes longer to show gives
    back steps (a generator), which are done a few at a time; the run ends with the last. A job that
    fails says why in a
    message box and beside the bar; a cancelled or abandoned one calls nothing.
    ``running_changed(running)`` is called when a job starts and when it has ended, so that the
    panel can hold its other controls.
    """

    def __init__(
        self,
        section: Any,
        start: Callable[[], Any],
        finished: Callable[[Any], Generator[None, None, None] | None],
        running_changed: Callable[[bool], None],
        tooltip: str,
    ) -> None:
        self._start, self._finished, self._running_changed = start, finished, running_changed
        self._job: Any = None
        self._showing: Generator[None, None, None] | None = None
        self._abandoned: list[Any] = []
        self._time_left = TimeLeft(0.0)
        self._reason = ""
        self._last = ""  # how the last run ended
        self._began = 0.0
        self.button = qt.QPushButton(_("Run"))
        self.button.setObjectName("runButton")
        self.button.setToolTip(tooltip)
        self.bar = qt.QProgressBar()
        self.bar.setObjectName("progressBar")
        self.bar.setToolTip(_("How much of the work is done."))
        self.bar.setRange(0, _BAR_STEPS)
        self.bar.setTextVisible(False)
        self.status = wrapping_label("statusLabel")
        layout = section.layout()
        for widget in (self.button, self.bar, self.status):
            layout.addWidget(widget)
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_MS)
        self._connections = Connections()
        self._connections.add(self.button.clicked, self._on_button)
        self._connections.add(self._timer.timeout, self._on_timer)
        self._show_idle("")

    @property
    def running(self) -> bool:
        """Whether a job is going on."""
        return self._job is not None

    def set_usable(self, reason: str = "") -> None:
        """Allow Run when there is no ``reason`` against it; the reason is shown beside it."""
        self._reason = reason
        if not self.running:
            set_usable(self.button, reason)
            self._say(reason or self._last)

    def abandon(self) -> None:
        """Cancel what runs and forget it: the scene or the panel goes."""
        job, self._job = self._job, None
        self._showing = None
        if job is None:
            return
        job.cancel()
        # A process is only ended while somebody polls its job.
        self._abandoned.append(job)
        self._show_idle(_("Cancelled."))
        self._running_changed(False)

    def close(self) -> None:
        """Abandon the job and let go of all connections."""
        self.abandon()
        self._timer.stop()
        self._connections.release()

    def _on_button(self, *args: Any) -> None:
        with shown_errors(_("Can't run.")):
            if self.running:
                self._cancel()
            else:
                self._begin()

    def _begin(self) -> None:
        try:
            job = self._start()
        except CancelledError as cancelled:
            self._say(str(cancelled))
            return
        self._job = job
        self._began = time.monotonic()
        self._time_left = TimeLeft(self._began)
        self.button.setText(_("Cancel"))
        self.button.setToolTip(_("Stop the work. What was shown before stays."))
        self._say(_("Starting"))
        # Without a range the bar moves by itself until the first step is known.
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        self._timer.start()
        self._running_changed(True)

    def _cancel(self) -> None:
        self.button.setEnabled(False)
        self._say(_("Cancelling"))
        self._job.cancel()

    def _on_timer(self, *args: Any) -> None:
        with shown_errors(_("The result can't be shown.")):
            self._poll_abandoned()
            if self._job is None:
                return
            try:
                if self._showing is None:
                    self._follow(self._job)
                else:
                    self._show_more(self._showing)
            except Exception:
                # Or the same error would come back with every tick.
                if self.running:
                    self._end(_("Failed."))
                raise

    def _poll_abandoned(self) -> None:
        jobs, self._abandoned = self._abandoned, []
        for job in jobs:
            job.poll()
            if job.state not in _ENDED:
                self._abandoned.append(job)
        if not self._abandoned and self._job is None:
            self._timer.stop()

    def _follow(self, job: Any) -> None:
        job.poll()
        if job.state == "done":
            self._showing = self._finished(job.result)
            if self._showing is None:
                self._done()
            else:
                self.button.setEnabled(False)
                self._say(_("Showing the result"))
                self._timer.setInterval(0)
        elif job.state == "failed":
            self._end(job.error)
            slicer.util.errorDisplay(literal(job.error))
        elif job.state == "cancelled":
            self._end(_("Cancelled."))
        elif job.progress is not None and self.button.isEnabled():
            self._show_progress(job.progress)

    def _show_more(self, steps: Generator[None, None, None]) -> None:
        until = time.monotonic() + _SHOW_SECONDS
        while time.monotonic() < until:
            try:
                next(steps)
            except StopIteration:
                self._done()
                return

    def _done(self) -> None:
        seconds = round(time.monotonic() - self._began)
        self._end(_("Done in {seconds} s.").format(seconds=seconds))

    def _show_progress(self, progress: Any) -> None:
        if progress.fraction > 0:
            self.bar.setRange(0, _BAR_STEPS)
            self.bar.setValue(round(_BAR_STEPS * min(progress.fraction, 1.0)))
        left = self._time_left.text(progress.fraction, time.monotonic())
        self._say(f"{progress.message} · {left}" if left else progress.message)

    def _end(self, status: str) -> None:
        self._job = self._showing = None
        self._show_idle(status)
        self._running_changed(False)

    def _show_idle(self, status: str) -> None:
        self._timer.setInterval(_POLL_MS)
        self.button.setText(_("Run"))
        set_usable(self.button, self._reason)
        self.bar.setVisible(False)
        self._last = status
        self._say(self._reason or status)

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))
