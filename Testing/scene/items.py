"""What the subject hierarchy holds, as names."""

from __future__ import annotations


def hierarchy_of(slicer):
    """The scene's subject-hierarchy node."""
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def children(slicer, parent: int | None = None) -> dict[str, int]:
    """Name -> item of the items directly under ``parent`` (default: the scene)."""
    import vtk

    hierarchy = hierarchy_of(slicer)
    found = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID() if parent is None else parent, found)
    items = [found.GetId(i) for i in range(found.GetNumberOfIds())]
    return {hierarchy.GetItemName(item): item for item in items}
