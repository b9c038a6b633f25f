"""Signal connections that can all be undone: PythonQt holds a connected method strongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Connections:
    """Remembers what was connected, so that a closed panel leaves nothing behind."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Callable[..., None]]] = []

    def add(self, signal: Any, slot: Callable[..., None]) -> None:
        """Connect ``signal`` (``button.clicked``) to ``slot``, which must take ``*args``."""
        signal.connect(slot)
        self._made.append((signal, slot))

    def release(self) -> None:
        """Disconnect everything."""
        for signal, slot in self._made:
            signal.disconnect(slot)
        self._made.clear()
