"""A DICOM study in the scene tells its date and patient to a volume, and nobody else."""

from __future__ import annotations

from datetime import date

import numpy as np

from medai import scene
from medai.images import Volume
from medai.images.study_origin import same_patient


def loaded(slicer, patient_id: str, day: str):
    """A volume below patient and study, as Slicer's DICOM import lays it down."""
    volume = Volume(np.zeros((3, 4, 5), np.int16), np.eye(4), "CT", "chest")
    node = scene.show_volume(volume)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    names = slicer.vtkMRMLSubjectHierarchyConstants
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient")
    hierarchy.SetItemAttribute(patient, names.GetDICOMPatientIDAttributeName(), patient_id)
    study = hierarchy.CreateStudyItem(patient, "Study")
    hierarchy.SetItemAttribute(study, names.GetDICOMStudyDateAttributeName(), day)
    item = hierarchy.GetItemByDataNode(node)
    hierarchy.SetItemParent(item or hierarchy.CreateItem(study, node), study)
    return node


def test_a_volume_knows_its_studys_date_and_patient(slicer) -> None:
    first = scene.volume_from_node(loaded(slicer, "MRN-1", "20260131"))
    second = scene.volume_from_node(loaded(slicer, "MRN-1", "20260210"))
    other = scene.volume_from_node(loaded(slicer, "MRN-2", "20260210"))
    assert first.origin.date == date(2026, 1, 31)
    assert same_patient(first.origin, second.origin) is True
    assert same_patient(first.origin, other.origin) is False
    assert "MRN" not in repr(first.origin)


def test_a_volume_without_dicom_tells_nothing(slicer) -> None:
    volume = Volume(np.zeros((3, 4, 5), np.int16), np.eye(4), "CT", "chest")
    assert scene.volume_from_node(scene.show_volume(volume)).origin is None
