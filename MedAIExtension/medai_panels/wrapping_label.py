"""Labels for sentences, which wrap in a narrow panel."""

from __future__ import annotations

from typing import Any

import qt

from medai_panels.shown_text import show_plain


def wrapping_label(name: str, text: str = "") -> Any:
    """A label that wraps, with room for two lines even where space is short."""
    label = qt.QLabel(text)
    show_plain(label)
    label.setObjectName(name)
    label.setWordWrap(True)
    keep_two_lines(label)
    return label


def keep_two_lines(label: Any) -> None:
    """Keep room for two lines: a scroll area asks a wrapping label for one and then squeezes it."""
    label.setMinimumHeight(2 * label.fontMetrics().lineSpacing())
