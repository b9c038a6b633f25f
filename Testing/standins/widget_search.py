"""``slicer.util``'s search for widgets: the real one goes by PythonQt's ``name`` attribute."""

from __future__ import annotations

from types import SimpleNamespace

from PySide6.QtWidgets import QWidget


def findChildren(widget, name: str = "", **_) -> list[QWidget]:
    """Every widget under ``widget``, or those of one name."""
    return [child for child in widget.findChildren(QWidget) if name in ("", child.objectName())]


def childWidgetVariables(widget) -> SimpleNamespace:
    """The named widgets under ``widget`` as attributes."""
    named = [child for child in findChildren(widget) if child.objectName()]
    return SimpleNamespace(**{child.objectName(): child for child in named})
