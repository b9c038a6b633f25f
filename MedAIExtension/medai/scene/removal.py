"""Taking nodes out of the scene together with what belongs to them."""

from __future__ import annotations

from typing import Any

from medai import host

_SOURCE = "MedAI.source"


def remove_node(node: Any) -> None:
    """Take a node and its display nodes out of the scene, if it is there."""
    scene = host.start().mrmlScene
    if node.GetScene() is not scene:
        return
    displays = []
    if node.IsA("vtkMRMLDisplayableNode"):
        displays = [
            node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())
        ]
    # The node first: a slice view gives a volume that lost its display a new one at once.
    scene.RemoveNode(node)
    for display in displays:
        scene.RemoveNode(display)


def remove_with_results(source: Any) -> None:
    """Take a volume out of the scene, and every result that was shown beside it."""
    slicer = host.start()
    scene = slicer.mrmlScene
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    results = [
        node
        for node in (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))
        if node.GetNodeReferenceID(_SOURCE) == source.GetID()
    ]
    folders = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in results}
    for node in results:
        remove_node(node)
    remove_node(source)
    for folder in folders - {0, hierarchy.GetSceneItemID()}:
        if hierarchy.GetNumberOfItemChildren(folder) == 0:
            hierarchy.RemoveItem(folder)
