"""Labels for sentences, which wrap in a narrow panel."""

from __future__ import annotations

from typing import Any

import qt

from medai_panels.shown_text import show_plain

# Of a grey label's text color; the rest is the color behind it.
_TEXT_SHARE = 0.6


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


def keep_readable(label: Any) -> None:
    """Grey a label that is disabled, in Slicer's light and dark style, but less pale than Qt does.

    What was found must stay legible when it is of something else than what is chosen.
    """
    palette = label.property("palette")
    text = palette.color(qt.QPalette.Active, qt.QPalette.WindowText)
    behind = palette.color(qt.QPalette.Active, qt.QPalette.Window)
    mixed = [
        round(_TEXT_SHARE * one + (1 - _TEXT_SHARE) * other)
        for one, other in (
            (text.red(), behind.red()),
            (text.green(), behind.green()),
            (text.blue(), behind.blue()),
        )
    ]
    label.setStyleSheet("QLabel:disabled {{ color: rgb({}, {}, {}); }}".format(*mixed))
