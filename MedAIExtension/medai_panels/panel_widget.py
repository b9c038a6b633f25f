"""What every panel does: load its .ui, follow its parameter node, survive a closed scene."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from medai_panels.connections import Connections
from medai_panels.shown_text import show_all_plain

# The dynamic property that ties a widget of the .ui to a parameter.
_PARAMETER_NAME = "SlicerParameterName"


class PanelWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of the four modules' widget classes.

    A module says in ``make_logic`` which logic it has, in ``build`` how its sections are filled, in
    ``parameters_changed`` what follows a change of a parameter or of the scene, and in ``abandon``
    what to drop when the scene closes. ``self.parameters`` is None while the scene is closing and
    while the panel isn't shown.
    """

    def __init__(self, parent: Any = None) -> None:
        self.logic: Any = None
        self.ui: Any = None
        self.parameters: Any = None
        self.connections = Connections()
        self._parameter_widgets: dict[str, Any] = {}
        self._gui_tag: Any = None
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def make_logic(self) -> Any:
        """The module's logic."""
        raise NotImplementedError

    def build(self) -> None:
        """Fill the sections and connect them; ``self.ui`` and ``self.logic`` are there."""

    def parameters_changed(self) -> None:
        """Make the controls fit the parameters; ``self.parameters`` may be None."""

    def abandon(self) -> None:
        """Cancel what runs and forget every node and result of the scene that closes."""

    # Slicer calls these.

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        self._parameter_widgets = {
            widget.property(_PARAMETER_NAME): widget
            for widget in vars(self.ui).values()
            if widget.property(_PARAMETER_NAME)
        }
        self.logic = self.make_logic()
        self.build()
        show_all_plain(panel)
        give_scene(panel, slicer.mrmlScene)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def enter(self) -> None:
        self.initializeParameterNode()

    def exit(self) -> None:
        self.setParameterNode(None)

    def cleanup(self) -> None:
        self.abandon()
        self.setParameterNode(None)
        self.removeObservers()
        self.connections.release()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self.abandon()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: Any, event: Any) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameters: Any) -> None:
        """Follow another parameter node, or none."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._gui_tag)
            self.removeObserver(
                self.parameters, vtk.vtkCommand.ModifiedEvent, self.onParametersModified
            )
        self.parameters = parameters
        if parameters is not None:
            # connectGui() itself returns no tag in Slicer 5.10, so nothing could be disconnected.
            self._gui_tag = parameters.connectParametersToGui(self._parameter_widgets)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.parameters_changed()

    def onParametersModified(self, caller: Any, event: Any) -> None:
        self.parameters_changed()


def give_scene(panel: Any, scene: Any) -> None:
    """Tell every MRML widget of a panel which scene it shows."""
    panel.setMRMLScene(scene)
    for widget in slicer.util.findChildren(panel):
        if widget.inherits("qMRMLNodeComboBox") or widget.inherits("qMRMLWidget"):
            widget.setMRMLScene(scene)
