"""An analysis in this process that lets the window live, in the shape that RunSection follows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from medai.cancellation import CancelCallback
from medai.errors import CancelledError, MedAIError
from medai.progress import Progress, ProgressCallback
from medai_panels.connections import Connections

log = logging.getLogger(__name__)

# How long the window may stand still between two steps of the work.
_SECONDS_BETWEEN_EVENTS = 0.05


class AnalysisJob:
    """Runs ``work(progress, cancelled)`` once the event loop is back.

    The work is numpy's alone and takes seconds; another process would need the masks sent to it.
    Between its steps it hands the window its events, so that bar, Cancel and views work.
    """

    def __init__(self, work: Callable[[ProgressCallback, CancelCallback], Any]) -> None:
        self._work = work
        self._wants_cancel = False
        self._last_events = 0.0
        self.state = "queued"
        self.progress: Progress | None = None
        self.result: Any = None
        self.error = ""
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._connections = Connections()
        self._connections.add(self._timer.timeout, self._run)
        self._timer.start(0)

    def poll(self) -> None:
        """Nothing to fetch: the state is here."""

    def cancel(self) -> None:
        """End at the next step."""
        self._wants_cancel = True
        if self.state == "queued":
            self._timer.stop()
            self.state = "cancelled"

    def _run(self, *args: Any) -> None:
        self._connections.release()
        self.state = "running"
        try:
            self.result = self._work(self._report, self._is_cancelled)
            self.state = "done"
        except CancelledError:
            self.state = "cancelled"
        except MedAIError as error:
            self.error, self.state = str(error), "failed"
        except Exception as error:
            log.exception("The analysis failed.")
            self.error = _(
                "Unexpected error ({kind}). The application log has the details."
            ).format(kind=type(error).__name__)
            self.state = "failed"

    def _report(self, progress: Progress) -> None:
        self.progress = progress
        self._process_events()

    def _is_cancelled(self) -> bool:
        self._process_events()
        return self._wants_cancel

    def _process_events(self) -> None:
        now = time.monotonic()
        if now - self._last_events >= _SECONDS_BETWEEN_EVENTS:
            qt.QApplication.processEvents()
            self._last_events = time.monotonic()
