"""How long work still takes, in words."""

from __future__ import annotations

# An estimate needs this much time and progress: earlier ones would only jump about.
_LEAST_SECONDS = 2.0
_LEAST_FRACTION = 0.03


class TimeLeft:
    """Estimates the time left from the pace so far; ``clock`` gives seconds."""

    def __init__(self, now: float) -> None:
        self._start = now
        self._start_fraction: float | None = None

    def text(self, fraction: float, now: float) -> str:
        """ "about 20 s left", or "" while it is too early to say."""
        if self._start_fraction is None:
            if fraction <= 0:
                return ""
            # Loading and waiting before the first step say nothing about the pace after it.
            self._start, self._start_fraction = now, fraction
        done, seconds = fraction - self._start_fraction, now - self._start
        if done < _LEAST_FRACTION or seconds < _LEAST_SECONDS:
            return ""
        return f"about {_rounded((1 - fraction) * seconds / done)} left"


def _rounded(seconds: float) -> str:
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 90:
        return "1 min"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
