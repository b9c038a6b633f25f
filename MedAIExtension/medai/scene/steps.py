"""Work on the scene in short steps, so that a window can see to its user between them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
# Each ``next`` is one step, of well under a tenth of a second; the last one returns.
Steps = Generator[None, None, T]


def finish(steps: Steps[T]) -> T:
    """Do all steps at once; returns what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
