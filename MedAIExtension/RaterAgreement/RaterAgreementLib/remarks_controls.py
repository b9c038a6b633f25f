"""The controls for image quality and its reasons."""

from __future__ import annotations

from typing import Any

from medai.studies import QUALITIES, REASONS, Remarks


class RemarksControls:
    """Reads and writes three radio buttons, three check boxes and a line of text."""

    def __init__(self, ui: Any) -> None:
        buttons = (ui.lowRadioButton, ui.normalRadioButton, ui.highRadioButton)
        boxes = (ui.focusCheckBox, ui.exposureCheckBox, ui.otherCheckBox)
        self._quality = dict(zip(QUALITIES, buttons, strict=True))
        self._reasons = dict(zip(REASONS, boxes, strict=True))
        self._other = ui.otherLineEdit

    @property
    def remarks(self) -> Remarks:
        """What the rater says now."""
        other = self._other.property("text").strip()
        return Remarks(
            quality=next(name for name, button in self._quality.items() if button.isChecked()),
            reasons=tuple(name for name, box in self._reasons.items() if box.isChecked()),
            other_reason=other,
        )

    def show(self, remarks: Remarks) -> None:
        """Show these remarks."""
        self._quality[remarks.quality].setChecked(True)
        for name, box in self._reasons.items():
            box.setChecked(name in remarks.reasons)
        self._other.setText(remarks.other_reason)

    def next_quality(self) -> None:
        """From normal to high to low and round again."""
        order = ("normal", "high", "low")
        place = order.index(self.remarks.quality)
        self._quality[order[(place + 1) % len(order)]].setChecked(True)
