"""The panel's keys; they work while a case is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from medai_panels.connections import Connections


class Shortcuts:
    """Key sequences of one window; off until ``set_active``."""

    def __init__(self, window: Any, keys: dict[str, Callable[..., None]]) -> None:
        self._connections = Connections()
        self._shortcuts = []
        for sequence, slot in keys.items():
            shortcut = qt.QShortcut(qt.QKeySequence(sequence), window)
            shortcut.setEnabled(False)
            self._connections.add(shortcut.activated, slot)
            self._shortcuts.append(shortcut)

    def set_active(self, active: bool) -> None:
        """Let the keys work, or not."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(active)

    def close(self) -> None:
        """Take the keys away."""
        self.set_active(False)
        self._connections.release()
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
        self._shortcuts = []
