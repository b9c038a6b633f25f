"""How long work says where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report: ``fraction`` done in 0..1, and what is happening, in a few words."""

    fraction: float
    message: str


ProgressCallback = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """A callback for callers that don't show progress."""


def span_of(progress: ProgressCallback, start: float, end: float) -> ProgressCallback:
    """The callback of the part of a longer piece of work from ``start`` to ``end``, of 0..1."""
    return lambda part: progress(Progress(start + part.fraction * (end - start), part.message))


def share_of(progress: ProgressCallback, index: int, count: int) -> ProgressCallback:
    """The callback of part ``index`` of ``count`` equal parts of a longer piece of work."""
    return lambda part: progress(Progress((index + part.fraction) / count, part.message))
