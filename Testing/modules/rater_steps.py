"""What a user of the Rater Agreement panel does, as functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAME = "RaterAgreement"
OWNER = "I own the study: analyze"


def open_folder(panel, folder: Path) -> None:
    """Open a study."""
    panel.ui.studyPathLineEdit.setCurrentPath(str(folder))
    panel.ui.openButton.click()
    panel.wait()


def be(panel, role: str) -> None:
    """Choose who one is: a rater's name, or the owner."""
    combo = panel.ui.roleComboBox
    rows = [row for row in range(combo.count()) if combo.itemText(row).startswith(role)]
    combo.setCurrentIndex(rows[0])
    panel.wait()


def outline(panel, slicer, mask: np.ndarray, label: str = "lesion") -> None:
    """Leave in the segment what the brush would."""
    case = panel.widget._annotate._editor._case
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, case.outlines, label, case.volume)


def run_button(panel):
    """The Run button of the owner's side."""
    return panel.ui.analyseBox.findChild(type(panel.ui.openButton), "runButton")


def run(panel, messages, seconds: float = 60.0) -> None:
    """Press Run and wait for the result or a message."""
    run_button(panel).click()
    assert panel.wait(lambda: panel.widget._analyse.has_result or messages.shown, seconds)
    panel.wait()


def table(widget) -> list[list[str]]:
    """What a table shows."""
    return [
        [widget.item(row, column).text() for column in range(widget.columnCount())]
        for row in range(widget.rowCount())
    ]
