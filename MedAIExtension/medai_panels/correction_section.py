"""Corrected by hand: measure the segments as they are now, or go back to the network's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from medai.scene.steps import Steps
from medai_panels.connections import Connections
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from medai_panels.wrapping_label import wrapping_label

# Counted from the last stroke of the brush.
_DELAY_MS = 1000
# One step a tick, so that the window goes on between them.
_POLL_MS = 10
_CHANGES = ("SourceRepresentationModified", "SegmentAdded", "SegmentRemoved")


class CorrectionSection:
    """Adds two buttons to ``layout`` and follows the segmentations that show a result.

    ``measure(asked)`` gives the steps that measure the segments and show what they find, or None
    when there is nothing to do; ``asked`` is false when it comes by itself, a second after the last
    edit. ``restore()`` gives the steps that go back to the network's own.
    """

    def __init__(
        self,
        layout: Any,
        measure: Callable[[bool], Steps[None] | None],
        restore: Callable[[], Steps[None] | None],
    ) -> None:
        self._measure, self._restore = measure, restore
        self._observed: list[tuple[Any, int]] = []
        self._steps: Steps[None] | None = None
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
        self._connections.add(self._later.timeout, self._on_edited)
        self._connections.add(self._poll.timeout, self._on_poll)

    @property
    def is_busy(self) -> bool:
        """Whether it measures, or waits for the end of the user's edits."""
        return self._steps is not None or bool(self._later.isActive())

    def follow(self, segmentation_nodes: Sequence[Any]) -> None:
        """From now on follow these segmentation nodes, and no others."""
        for segmentation, tag in self._observed:
            segmentation.RemoveObserver(tag)
        self._observed = []
        self._later.stop()
        for node in segmentation_nodes:
            segmentation = node.GetSegmentation()
            for name in _CHANGES:
                event = getattr(slicer.vtkSegmentation, name)
                tag = segmentation.AddObserver(event, self._on_change)
                self._observed.append((segmentation, tag))

    def forget(self) -> None:
        """Leave what is being measured."""
        steps, self._steps = self._steps, None
        self._poll.stop()
        if steps is not None:
            steps.close()
        self._say("")

    def set_usable(self, reason: str, *, is_corrected: bool) -> None:
        """Allow measuring when there is no ``reason`` against it; going back where there is a
        correction."""
        set_usable(self.measure, reason)
        nothing = "" if is_corrected else _("Nothing was corrected.")
        set_usable(self.own, reason or nothing)

    def close(self) -> None:
        """Let go of everything."""
        self.follow(())
        self.forget()
        self._connections.release()

    def _on_change(self, caller: Any, event: Any) -> None:
        self._later.start()

    def _on_measure(self, *args: Any) -> None:
        self._begin(lambda: self._measure(True))

    def _on_edited(self, *args: Any) -> None:
        self._begin(lambda: self._measure(False))

    def _on_own(self, *args: Any) -> None:
        question = _("Your corrections of the segments are discarded. Go back?")
        if slicer.util.confirmOkCancelDisplay(question):
            self._begin(self._restore)

    def _begin(self, start: Callable[[], Steps[None] | None]) -> None:
        with shown_errors(_("The segments can't be measured.")):
            self._later.stop()
            self.forget()
            self._steps = start()
            if self._steps is not None:
                self._say(_("Measuring the segments"))
                self._poll.start()
                self._on_poll()

    def _on_poll(self, *args: Any) -> None:
        with shown_errors(_("The segments can't be measured.")):
            steps = self._steps
            if steps is None:
                self._poll.stop()
                return
            try:
                next(steps)
            except StopIteration:
                self._end(steps)
            except Exception:
                # Or the same error would come back with every tick.
                self._end(steps)
                raise

    def _end(self, steps: Steps[None]) -> None:
        # Showing what was measured may have begun something else.
        if self._steps is steps:
            self.forget()

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))
