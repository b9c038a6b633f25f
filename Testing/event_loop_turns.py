"""How long the turns of the panel's event loop take, on the processor."""

from __future__ import annotations

import time


class TurnsOfTheEventLoop:
    """Takes the time of each turn while it is started."""

    def __init__(self) -> None:
        import qt

        self.seconds: list[float] = []
        self._last = 0.0
        self._timer = qt.QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._turn)

    def __enter__(self) -> TurnsOfTheEventLoop:
        self._last = time.thread_time()
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._turn()
        self._timer.stop()

    def _turn(self) -> None:
        now = time.thread_time()
        self.seconds.append(now - self._last)
        self._last = now
