"""The volume that the user looks at: what a panel starts with."""

from __future__ import annotations

from typing import Any

import slicer


def shown_volume(class_name: str = "vtkMRMLScalarVolumeNode") -> Any:
    """The volume of exactly this class behind all others in a slice view; None when there is none.

    Exactly, since label maps and color pictures are scalar volumes too, for Slicer.
    """
    for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        node_id = view.GetBackgroundVolumeID()
        node = slicer.mrmlScene.GetNodeByID(node_id) if node_id else None
        if node is not None and node.GetClassName() == class_name:
            return node
    return None
