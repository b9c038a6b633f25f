"""A graphics card that isn't there: what ``torch.cuda`` is asked about its memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

CARD_BYTES = 24 * 2**30


def stand_in_card(monkeypatch: Any) -> list[float]:
    """Put a card of ``CARD_BYTES`` behind torch.cuda; the shares of it that are set, in order."""
    given: list[float] = []
    card = SimpleNamespace(total_memory=CARD_BYTES)
    for name, stand_in in {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "current_device": lambda: 0,
        "get_device_properties": lambda device: card,
        "set_per_process_memory_fraction": given.append,
    }.items():
        monkeypatch.setattr(f"torch.cuda.{name}", stand_in)
    return given
