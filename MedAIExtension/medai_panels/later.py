"""Work that is due once, a moment after the last request for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from medai_panels.connections import Connections

# Shorter than an eye notices, long enough that a drag doesn't queue up work.
_DELAY_MS = 30


class Later:
    """Calls ``work()`` soon after ``soon()``, once, however often it was asked for meanwhile."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._connections = Connections()
        self._connections.add(self._timer.timeout, self._on_timeout)

    def soon(self) -> None:
        """Ask for the work. A request that waits already is not put off again."""
        if not self._timer.isActive():
            self._timer.start()

    def cancel(self) -> None:
        """Take the request back."""
        self._timer.stop()

    def close(self) -> None:
        """Take the request back and let go of all connections."""
        self.cancel()
        self._connections.release()

    def _on_timeout(self, *args: Any) -> None:
        self._work()
