"""When a volume in the scene was acquired, as far as DICOM told the scene."""

from __future__ import annotations

from datetime import date
from typing import Any

from medai import host


def study_date(node: Any) -> date | None:
    """The date of the DICOM study that ``node`` belongs to, None when the scene doesn't know."""
    slicer = host.start()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMStudyDateAttributeName()
    item = hierarchy.GetItemByDataNode(node)
    while item and item != hierarchy.GetSceneItemID():
        text = hierarchy.GetItemAttribute(item, name) or ""
        try:
            return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:8]}")
        except ValueError:
            item = hierarchy.GetItemParent(item)
    return None
