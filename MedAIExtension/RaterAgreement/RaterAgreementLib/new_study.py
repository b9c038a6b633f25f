"""The form that makes a study of a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from medai.errors import StudyError
from medai.studies import StudyPlan, find_images, find_masks, label


class NewStudyForm:
    """Reads the controls of ``newStudyBox``."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui

    def plan(self, folder: Path) -> StudyPlan:
        """What to make in ``folder``. Raises StudyError when something is missing."""
        ui = self._ui
        images_folder = ui.imagesPathLineEdit.property("currentPath")
        if not images_folder:
            raise StudyError(_("No folder of images is chosen: pick one under Images."))
        images = find_images([Path(images_folder)])
        return StudyPlan(
            title=ui.titleLineEdit.property("text").strip() or folder.name,
            images=images,
            raters=_entries(ui.ratersLineEdit),
            labels=[label(name) for name in _entries(ui.labelsLineEdit) or ["lesion"]],
            regions=_masks(ui.regionsPathLineEdit, images),
            references=_masks(ui.referencesPathLineEdit, images),
            instructions=ui.instructionsLineEdit.property("text").strip(),
            repeat_share=ui.repeatSpinBox.property("value"),
        )


def _entries(line: Any) -> list[str]:
    return [entry.strip() for entry in line.property("text").split(",") if entry.strip()]


def _masks(path_line: Any, images: list[Path]) -> dict[str, Path]:
    folder = path_line.property("currentPath")
    return find_masks(Path(folder), images) if folder else {}
