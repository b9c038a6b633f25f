"""``slicer.app``: the part of Slicer's application that scripted code reaches for."""

from __future__ import annotations

import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any

from medai.host.files import FileManager
from medai.host.hierarchy import HierarchyKeeper
from medai.host.layout import LayoutManager
from medai.host.modules import ModuleManager
from medai.palette import rater_color

_LABELS = 256


class Application:
    """Stands where Slicer has ``qSlicerApplication``; the names are Slicer's.

    The order in which the parts are made matters: the color logic finds its tables through the
    application logic, module logics register their node types with the scene, and bundles are read
    through the remote-IO pair.
    """

    applicationName = "MedAI"

    def __init__(self, slicer: Any) -> None:
        self._slicer = slicer
        folder = tempfile.mkdtemp(prefix="medai-")
        self._finalizer = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.temporaryPath = folder
        self._scene = slicer.vtkMRMLScene()
        self._logic = slicer.vtkSlicerApplicationLogic()
        self._logic.SetTemporaryPath(folder)
        # Slicer looks for its share/ files from here; the wheel has none.
        self._logic.SetHomeDirectory(folder)
        self._logic.SetMRMLScene(self._scene)
        self._start_color_logic()
        self._start_remote_io()
        slicer.mrmlScene = self._scene
        self._modules = ModuleManager(slicer, self._logic, self._scene)
        self._layout = LayoutManager(slicer, self._logic, self._scene)
        self._files = FileManager(slicer, self._modules, self._scene)
        self._hierarchy = HierarchyKeeper(slicer, self._scene)

    def install(self) -> None:
        """Put the application into the ``slicer`` module, where scripts look for it."""
        self._slicer.app = self
        self._slicer.modules = self._modules.namespace

    def applicationLogic(self) -> Any:
        return self._logic

    def mrmlScene(self) -> Any:
        return self._scene

    def coreIOManager(self) -> FileManager:
        return self._files

    ioManager = coreIOManager

    def layoutManager(self) -> LayoutManager:
        return self._layout

    def moduleManager(self) -> ModuleManager:
        return self._modules

    def testingEnabled(self) -> bool:
        """True: no dialog may wait for someone when there is no window."""
        return True

    def processEvents(self) -> None:
        """Give a Qt application, where one runs, the time to draw."""
        widgets = sys.modules.get("PySide6.QtCore")
        application = widgets.QCoreApplication.instance() if widgets else None
        if application is not None:
            application.processEvents()

    def pauseRender(self) -> None:
        self._logic.PauseRender()

    def resumeRender(self) -> None:
        self._logic.ResumeRender()

    def setOverrideCursor(self, cursor: Any) -> None:
        """There is no cursor without a window."""

    def restoreOverrideCursor(self) -> None:
        """There is no cursor without a window."""

    def _start_color_logic(self) -> None:
        # Color legends cast the color logic to this class, not to its base.
        self._color_logic = self._slicer.vtkSlicerColorLogic()
        self._color_logic.SetMRMLApplicationLogic(self._logic)
        self._color_logic.SetMRMLScene(self._scene)
        self._logic.SetColorLogic(self._color_logic)
        self._add_label_colors()

    def _add_label_colors(self) -> None:
        # Every label map starts with this table, which Slicer reads from a file.
        table = self._slicer.vtkMRMLColorTableNode()
        table.SetName("GenericColors")
        table.SetSingletonTag("FileGenericColors.txt")
        table.SetTypeToUser()
        table.SetNumberOfColors(_LABELS)
        table.SetColor(0, "background", 0.0, 0.0, 0.0, 0.0)
        for label in range(1, _LABELS):
            table.SetColor(label, f"label {label}", *rater_color(label - 1), 1.0)
        table.SetHideFromEditors(True)
        self._scene.AddNode(table)

    def _start_remote_io(self) -> None:
        cache = self._slicer.vtkCacheManager()
        cache.SetRemoteCacheDirectory(str(Path(self.temporaryPath) / "RemoteIO"))
        self._remote_io = self._slicer.vtkMRMLRemoteIOLogic()
        self._data_io = self._slicer.vtkDataIOManagerLogic()
        self._data_io.SetMRMLApplicationLogic(self._logic)
        self._logic.SetMRMLSceneDataIO(self._scene, self._remote_io, self._data_io)
