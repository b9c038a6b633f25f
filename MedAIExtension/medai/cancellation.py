"""How long work learns that it is no longer wanted."""

from __future__ import annotations

from collections.abc import Callable

from medai.errors import CancelledError

CancelCallback = Callable[[], bool]


def never_cancelled() -> bool:
    """A callback for callers that can't cancel."""
    return False


def raise_if_cancelled(cancelled: CancelCallback) -> None:
    """Raise CancelledError once ``cancelled()`` is true."""
    if cancelled():
        raise CancelledError
