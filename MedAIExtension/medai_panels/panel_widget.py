"""What every panel does: load its .ui, follow its parameter node, survive a closed scene."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from medai.scene.result_nodes import is_result
from medai_panels.connections import Connections
from medai_panels.later import Later
from medai_panels.shown_text import show_all_plain

# The dynamic property that ties a widget of the .ui to a parameter.
_PARAMETER_NAME = "SlicerParameterName"


class PanelWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of the modules' widget classes.

    A module says in ``make_logic`` which logic it has, in ``build`` how its sections are filled, in
    ``parameters_changed`` what follows a change of a parameter or of the scene, in
    ``suggest_input`` what to choose while nothing is chosen, and in ``abandon`` what to drop when
    the scene closes. ``self.parameters`` is None while the scene is closing or being read and while
    the panel isn't shown.
    """

    def __init__(self, parent: Any = None) -> None:
        self.logic: Any = None
        self.ui: Any = None
        self.parameters: Any = None
        self.connections = Connections()
        self._parameter_widgets: dict[str, Any] = {}
        self._gui_tag: Any = None
        self._nodes_added: Any = None
        self._may_suggest = True
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def make_logic(self) -> Any:
        """The module's logic."""
        raise NotImplementedError

    def build(self) -> None:
        """Fill the sections and connect them; ``self.ui`` and ``self.logic`` are there."""

    def parameters_changed(self) -> None:
        """Make the controls fit the parameters; ``self.parameters`` may be None."""

    def suggest_input(self) -> None:
        """Choose an input where none is chosen: when the panel is entered, and when nodes come.

        Never when the chosen node goes: what is looked at must not change by itself.
        """

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
        self._nodes_added = Later(self._on_nodes_added)
        self.build()
        show_all_plain(panel)
        give_scene(panel, slicer.mrmlScene)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(scene, scene.EndBatchProcessEvent, self.onSceneEndBatch)
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodeAdded)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self.onNodeAboutToBeRemoved)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def enter(self) -> None:
        self.initializeParameterNode()

    def exit(self) -> None:
        self.setParameterNode(None)

    def cleanup(self) -> None:
        self.abandon()
        self.setParameterNode(None)
        self.removeObservers()
        self._nodes_added.close()
        self.connections.release()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self.abandon()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        # Reading a scene closes the one before. A parameter node made between the two would be
        # filled by the selectors with whatever node is read first, and so chosen for the user.
        if self.parent.isEntered and not (caller.IsImporting() or caller.IsBatchProcessing()):
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: Any, event: Any) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndBatch(self, caller: Any, event: Any) -> None:
        # A scene that could not be read has no end of import.
        if self.parent.isEntered and self.parameters is None:
            self.initializeParameterNode()

    def onNodeAdded(self, caller: Any, event: Any) -> None:
        # A node that was just added isn't in the views yet.
        self._may_suggest = True
        self._nodes_added.soon()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAboutToBeRemoved(self, caller: Any, event: Any, node: Any) -> None:
        # A selector whose node goes takes its neighbor, another patient, if nobody stops it.
        for name, widget in self._parameter_widgets.items():
            if (
                self.parameters is not None
                and widget.inherits("qMRMLNodeComboBox")
                and getattr(self.parameters, name) is node
            ):
                self._may_suggest = False
                setattr(self.parameters, name, None)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller: Any, event: Any, node: Any) -> None:
        """A node has gone; the panel of a result looks whether it was the result's."""

    def _on_nodes_added(self) -> None:
        self._offer_nodes()
        if self.parameters is not None and self._may_suggest:
            self.suggest_input()

    def _offer_nodes(self) -> None:
        """Offer no map that a module of ours made: it is derived from a study, not one."""
        ours = [
            node.GetID()
            for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode")
            if is_result(node)
        ]
        for widget in self._parameter_widgets.values():
            if widget.inherits("qMRMLNodeComboBox"):
                widget.sortFilterProxyModel().setProperty("hiddenNodeIDs", ours)

    def initializeParameterNode(self) -> None:
        self._offer_nodes()
        self.setParameterNode(self.logic.getParameterNode())
        self.suggest_input()

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
