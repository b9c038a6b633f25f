"""Subject-hierarchy items for new nodes, which Slicer makes in its window code, not in MRML."""

from __future__ import annotations

from types import ModuleType
from typing import Any

# Base classes of the nodes that Slicer's subject-hierarchy plugins show.
_SHOWN = (
    "vtkMRMLDisplayableNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLSequenceNode",
)


class HierarchyKeeper:
    """Gives every data node of the scene an item, and takes it away with the node."""

    def __init__(self, slicer: ModuleType, scene: Any) -> None:
        self._slicer = slicer
        self._scene = scene
        self._observe(slicer.vtkMRMLScene.NodeAddedEvent, self._on_added)
        self._observe(slicer.vtkMRMLScene.NodeRemovedEvent, self._on_removed)
        # Items that come with a scene are in place only after the import's last event.
        scene.AddObserver(slicer.vtkMRMLScene.EndBatchProcessEvent, self._on_batch_ended)

    def _observe(self, event: int, callback: Any) -> None:
        import vtk
        from vtkmodules.util.misc import calldata_type

        @calldata_type(vtk.VTK_OBJECT)
        def call(caller: Any, event_name: str, node: Any) -> None:
            callback(node)

        self._scene.AddObserver(event, call)

    def _on_added(self, node: Any) -> None:
        # While a scene is read its own hierarchy comes with it.
        if not (self._scene.IsImporting() or self._scene.IsRestoring()):
            self._add_item(node)

    def _on_removed(self, node: Any) -> None:
        if self._scene.IsClosing() or not _is_shown(node):
            return
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _on_batch_ended(self, caller: Any, event_name: str) -> None:
        if self._scene.IsClosing():
            return
        for index in range(self._scene.GetNumberOfNodes()):
            self._add_item(self._scene.GetNthNode(index))

    def _add_item(self, node: Any) -> None:
        if not _is_shown(node):
            return
        hierarchy = self._hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _hierarchy(self) -> Any:
        # Merges the hierarchy that came with a scene into the one that is there.
        return self._slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)


def _is_shown(node: Any) -> bool:
    return not node.GetHideFromEditors() and any(node.IsA(name) for name in _SHOWN)
