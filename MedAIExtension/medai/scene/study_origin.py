"""When and of whom a volume in the scene was acquired, as far as DICOM told the scene."""

from __future__ import annotations

from typing import Any

from medai import host
from medai.images.study_origin import StudyOrigin, study_origin


def origin_of(node: Any) -> StudyOrigin | None:
    """Date and patient of the DICOM study that ``node`` belongs to; None without DICOM."""
    slicer = host.start()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    names = slicer.vtkMRMLSubjectHierarchyConstants
    wanted = (
        names.GetDICOMStudyDateAttributeName(),
        names.GetDICOMPatientIDAttributeName(),
        names.GetDICOMPatientNameAttributeName(),
        names.GetDICOMPatientBirthDateAttributeName(),
    )
    found = dict.fromkeys(wanted, "")
    item = hierarchy.GetItemByDataNode(node)
    while item and item != hierarchy.GetSceneItemID():
        for name in wanted:
            found[name] = found[name] or hierarchy.GetItemAttribute(item, name) or ""
        item = hierarchy.GetItemParent(item)
    if not any(found.values()):
        return None
    day, patient_id, patient_name, birth_date = found.values()
    return study_origin((day,), patient_id, patient_name, birth_date)
