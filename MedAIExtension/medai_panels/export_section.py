"""The Export section: everything about a result into one new folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

from medai.errors import OutputError
from medai_panels.connections import Connections
from medai_panels.shown_errors import shown_errors
from medai_panels.usable import set_usable
from medai_panels.wrapping_label import wrapping_label


class ExportSection:
    """Fills ``section`` (a ctkCollapsibleButton with a layout).

    ``write(folder)`` writes the result into ``folder``, which doesn't exist yet: a new one named
    ``name`` (then ``name-2``, …) inside the folder that the user picks. Nothing there is replaced.
    """

    def __init__(
        self, section: Any, name: str, write: Callable[[Path], None], contents: str
    ) -> None:
        """``contents`` says what will lie in the folder."""
        self._name, self._write = name, write
        self.path = ctk.ctkPathLineEdit()
        self.path.setObjectName("exportPathLineEdit")
        self.path.setProperty("filters", int(ctk.ctkPathLineEdit.Dirs))
        self.path.setProperty("settingKey", "MedAI/Export")
        self.path.setToolTip(
            _("Where to put the new folder {name}. Nothing that is there is replaced.").format(
                name=name
            )
        )
        self.button = qt.QPushButton(_("Export"))
        self.button.setObjectName("exportButton")
        self.button.setToolTip(_("Write one new folder: {contents}.").format(contents=contents))
        self.status = wrapping_label("exportStatusLabel")
        self.status.setOpenExternalLinks(True)
        self._others: list[Any] = []
        layout = self._layout = section.layout()
        for widget in (self.path, self.button, self.status):
            layout.addWidget(widget)
        self._connections = Connections()
        self._connections.add(self.button.clicked, self._on_export)

    def add_button(self, text: str, tooltip: str, name: str, write: Callable[[Path], None]) -> None:
        """One more button, which writes something else into a new folder ``name``."""
        button = qt.QPushButton(text)
        button.setObjectName(f"{name}ExportButton")
        button.setToolTip(tooltip)
        self._layout.insertWidget(self._layout.indexOf(self.status), button)
        self._others.append(button)
        self._connections.add(button.clicked, lambda *args: self._export(name, write))

    def set_usable(self, reason: str = "") -> None:
        """Allow Export when there is no ``reason`` against it."""
        for button in (self.button, *self._others):
            set_usable(button, reason)
        set_usable(self.path, reason)
        self._say(reason)

    def close(self) -> None:
        """Let go of all connections."""
        self._connections.release()

    def _on_export(self, *args: Any) -> None:
        self._export(self._name, self._write)

    def _export(self, name: str, write: Callable[[Path], None]) -> None:
        with shown_errors(_("Can't export."), wait_cursor=True):
            folder = self._new_folder(name)
            write(folder)
            self.path.addCurrentPathToHistory()
            address = qt.QUrl.fromLocalFile(str(folder)).toString()
            self._say(_("Written: {link}").format(link=f'<a href="{address}">{folder}</a>'))

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))

    def _new_folder(self, wanted: str) -> Path:
        text = self.path.property("currentPath")
        if not text:
            raise OutputError(_("No folder is chosen: pick where to put the results first."))
        parent = Path(text)
        if not parent.is_dir():
            raise OutputError(_("{path} is not a folder.").format(path=parent))
        names = [wanted, *(f"{wanted}-{number}" for number in range(2, 1000))]
        return next(parent / name for name in names if not (parent / name).exists())
