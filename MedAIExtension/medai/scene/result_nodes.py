"""The nodes of one result: showing it again updates them instead of adding more."""

from __future__ import annotations

from typing import Any

from medai import host
from medai.scene.removal import remove_node

_SOURCE = "MedAI.source"
_ROLE = "MedAI.role"


def is_result(node: Any) -> bool:
    """Whether a node was made by a module of ours to show a result."""
    return bool(node.GetAttribute(_ROLE))


class ResultNodes:
    """The nodes that show one kind of result of one source node, each with a role.

    They refer to the source, so they are found again in a scene that was saved and read.

    source: the node the result was computed from. kind: what tells this result's roles from those
    of other results of the same source. title: name of the subject-hierarchy folder that holds
    tables, maps and plots, beside the source.
    """

    def __init__(self, source: Any, kind: str, title: str) -> None:
        self.source = source
        self._slicer = host.start()
        self._kind = kind
        self._title = title

    def node(self, role: str, class_name: str, name: str, *, beside: bool = False) -> Any:
        """The node that plays ``role``; made, with a display node, when there is none.

        beside: put it beside the source, not into the folder. Segmentations go there: in DICOM
        they belong to the source's own study.
        """
        node = self.find(role)
        if node is None:
            node = self._slicer.mrmlScene.CreateNodeByClass(class_name)
            node.UnRegister(None)
            node.SetName(
                self._slicer.mrmlScene.GenerateUniqueName(f"{self.source.GetName()} {name}")
            )
            # First, so that whoever hears of the new node knows at once that it is a result.
            node.SetAttribute(_ROLE, self._full(role))
            node = self._slicer.mrmlScene.AddNode(node)
            node.SetNodeReferenceID(_SOURCE, self.source.GetID())
            if node.IsA("vtkMRMLDisplayableNode"):
                node.CreateDefaultDisplayNodes()
            parent = self._parent() if beside else self.folder
            self._hierarchy().SetItemParent(self._item(node), parent)
        return node

    def find(self, role: str) -> Any | None:
        """The node that plays ``role``, or None."""
        scene, wanted = self._slicer.mrmlScene, self._full(role)
        for index in range(scene.GetNumberOfNodes()):
            node = scene.GetNthNode(index)
            if (
                node.GetAttribute(_ROLE) == wanted
                and node.GetNodeReferenceID(_SOURCE) == self.source.GetID()
            ):
                return node
        return None

    def remove(self, role: str) -> None:
        """Take the node that plays ``role`` out of the scene, if it is there."""
        node = self.find(role)
        if node is not None:
            remove_node(node)

    @property
    def folder(self) -> int:
        """The subject-hierarchy item of the folder; made when it is not there."""
        hierarchy, parent = self._hierarchy(), self._parent()
        item: int = hierarchy.GetItemChildWithName(parent, self._title)
        return item or hierarchy.CreateFolderItem(parent, self._title)

    def _full(self, role: str) -> str:
        return f"{self._kind}: {role}"

    def _parent(self) -> int:
        return int(self._hierarchy().GetItemParent(self._item(self.source)))

    def _item(self, node: Any) -> int:
        # Slicer's window makes the items; without it they must be made.
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        return int(item or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node))

    def _hierarchy(self) -> Any:
        scene = self._slicer.mrmlScene
        return self._slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
