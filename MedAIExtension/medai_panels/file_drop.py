"""Files and folders dropped on a panel from the desktop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer


class FileDrop(qt.QWidget):
    """Listens for what is dropped on a panel: an invisible widget, as PythonQt wants it."""

    def watch(self, panel: Any, take: Callable[[Sequence[Path]], None]) -> None:
        """From now on ``take`` gets the paths of what is dropped on ``panel``."""
        self._panel, self._take = panel, take
        # A text box under the pointer would take the files first, as text.
        for child in slicer.util.findChildren(panel):
            if child.inherits("QLineEdit"):
                child.setAcceptDrops(False)
        panel.setAcceptDrops(True)
        panel.installEventFilter(self)

    def set_usable(self, reason: str) -> None:
        """Take files only while ``reason`` is empty."""
        self._panel.setAcceptDrops(not reason)

    def close(self) -> None:
        """Let go of the panel."""
        self._panel.setAcceptDrops(False)
        self._panel.removeEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """What Qt asks before the panel gets an event."""
        kind = event.type()
        if kind not in (qt.QEvent.DragEnter, qt.QEvent.DragMove, qt.QEvent.Drop):
            return False
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return False
        event.acceptProposedAction()
        if kind == qt.QEvent.Drop:
            self._take(paths)
        return True
