"""Controls that can't be used say why."""

from __future__ import annotations

from typing import Any

from medai_panels.shown_text import literal

_OWN_TOOLTIP = "MedAIToolTip"


def set_usable(widget: Any, reason: str = "") -> None:
    """Enable ``widget`` when there is no ``reason`` against it; else disable it and say why.

    The reason stands in the tooltip, under what the control does.
    """
    own = widget.property(_OWN_TOOLTIP)
    if own is None:
        own = widget.property("toolTip")
        widget.setProperty(_OWN_TOOLTIP, own)
    widget.setEnabled(not reason)
    widget.setToolTip(literal(f"{own}\n\n{reason}") if reason else own)
