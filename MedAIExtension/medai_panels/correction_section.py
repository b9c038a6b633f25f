"""Corrected by hand: measure the segments as they are now, or go back to the network's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from medai_panels.connections import Connections
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from medai_panels.wrapping_label import wrapping_label

# Counted from the last stroke of the brush.
_DELAY_MS = 1000
_POLL_MS = 50
_CHANGES = ("SourceRepresentationModified", "SegmentAdded", "SegmentRemoved")


class CorrectionSection:
    """Adds two buttons to ``layout`` and follows the segmentation that shows a result.

    ``start()`` returns the job that measures the segments, or None when there is nothing to do;
    ``taken(result)`` gets what it answers; ``restore()`` goes back. A second after the last edit it
    measures by itself.
    """

    def __init__(
        self,
        layout: Any,
        start: Callable[[], Any],
        taken: Callable[[Any], None],
        restore: Callable[[], None],
    ) -> None:
        self._start, self._taken, self._restore = start, taken, restore
        self._observed: list[tuple[Any, int]] = []
        self._job: Any = None
        self.measure = qt.QPushButton(_("Measure again"))
        self.measure.setObjectName("measureAgainButton")
        self.measure.setToolTip(
            _(
                "Measure the segments as you have corrected them in the Segment Editor. It also "
                "happens by itself, a second after your last edit."
            )
        )
        self.own = qt.QPushButton(_("Back to the network's own"))
        self.own.setObjectName("networksOwnButton")
        self.own.setToolTip(_("Discard your corrections: segments and numbers as they were."))
        self.status = wrapping_label("correctionStatusLabel")
        self.status.setVisible(False)
        row = qt.QHBoxLayout()
        row.addWidget(self.measure)
        row.addWidget(self.own)
        layout.addLayout(row)
        layout.addWidget(self.status)
        self._later, self._poll = qt.QTimer(), qt.QTimer()
        self._later.setSingleShot(True)
        self._later.setInterval(_DELAY_MS)
        self._poll.setInterval(_POLL_MS)
        self._connections = Connections()
        self._connections.add(self.measure.clicked, self._on_measure)
        self._connections.add(self.own.clicked, self._on_own)
        self._connections.add(self._later.timeout, self._on_measure)
        self._connections.add(self._poll.timeout, self._on_poll)

    def follow(self, segmentation_node: Any) -> None:
        """From now on follow this segmentation node; None follows nothing."""
        for segmentation, tag in self._observed:
            segmentation.RemoveObserver(tag)
        self._observed = []
        self._later.stop()
        if segmentation_node is None:
            self._forget_job()
            self._say("")
            return
        segmentation = segmentation_node.GetSegmentation()
        for name in _CHANGES:
            event = getattr(slicer.vtkSegmentation, name)
            self._observed.append((segmentation, segmentation.AddObserver(event, self._on_change)))

    def set_usable(self, reason: str, *, is_corrected: bool) -> None:
        """Allow measuring when there is no ``reason`` against it; going back where there is a
        correction."""
        set_usable(self.measure, reason)
        nothing = "" if is_corrected else _("Nothing was corrected.")
        set_usable(self.own, reason or nothing)

    def close(self) -> None:
        """Let go of everything."""
        self.follow(None)
        self._poll.stop()
        self._connections.release()

    def _on_change(self, caller: Any, event: Any) -> None:
        self._later.start()

    def _on_measure(self, *args: Any) -> None:
        with shown_errors(_("The segments can't be measured.")):
            self._later.stop()
            self._forget_job()
            self._job = self._start()
            if self._job is None:
                self._say("")
                return
            self._say(_("Measuring your correction"))
            self._poll.start()

    def _on_own(self, *args: Any) -> None:
        with shown_errors(_("The network's own can't be shown.")):
            question = _("Your corrections of the segments are discarded. Go back?")
            if slicer.util.confirmOkCancelDisplay(question):
                self._restore()

    def _on_poll(self, *args: Any) -> None:
        with shown_errors(_("The segments can't be measured.")):
            job = self._job
            if job is None:
                self._poll.stop()
                return
            job.poll()
            if job.state == "done":
                self._job = None
                self._poll.stop()
                self._say("")
                self._taken(job.result)
            elif job.state in ("failed", "cancelled"):
                self._job = None
                self._poll.stop()
                self._say(job.error)

    def _forget_job(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.cancel()

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))
