"""The line that says what results are for, once per panel, where they are shown."""

from __future__ import annotations

from typing import Any

from medai.reports.page import RESEARCH_USE
from medai_panels.wrapping_label import wrapping_label


def add_research_use_line(layout: Any) -> None:
    """Add the line to a section's layout."""
    label = wrapping_label("researchUseLabel", RESEARCH_USE)
    # Its own background and text color: legible in Slicer's light and dark style alike.
    label.setStyleSheet("background-color: #fff4d6; color: #1b1f24; padding: 4px;")
    layout.addWidget(label)
