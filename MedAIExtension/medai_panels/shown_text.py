"""Text that came from outside, shown as the characters it has.

Qt takes text that looks like HTML for HTML: a study's title could load a picture from another
machine, which on Windows hands that machine the user's credentials.
"""

from __future__ import annotations

from html import escape
from typing import Any

import qt
import slicer


def show_plain(label: Any) -> None:
    """Make a QLabel show markup as characters, unless its .ui file asks for rich text."""
    if label.property("textFormat") == qt.Qt.AutoText:
        label.setTextFormat(qt.Qt.PlainText)


def show_all_plain(panel: Any) -> None:
    """``show_plain`` for every label in ``panel``."""
    for widget in slicer.util.findChildren(panel):
        if widget.inherits("QLabel"):
            show_plain(widget)


def literal(text: str) -> str:
    """``text`` for a message box or a tooltip, which guess what is HTML and can't be told."""
    if "<" not in text and "&" not in text:
        return text
    return f"<qt>{escape(text)}</qt>".replace("\n", "<br>")
