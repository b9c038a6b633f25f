"""Volumes into the scene and out again."""

from dataclasses import replace

import numpy as np
import pytest

from medai import scene
from medai.errors import GeometryError, UnsuitableImageError
from medai.images import Volume
from medai.scene.volumes import check_grid

OBLIQUE = np.array(
    [[-1.6, 0.9, 0.2, 40], [0.9, 1.4, -0.3, -20], [0.1, 0.4, 2.7, 5], [0, 0, 0, 1.0]]
)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.int32, ">i2"])
def test_a_volume_comes_back_as_it_was(slicer, ct, dtype):
    volume = replace(ct, array=ct.array.clip(0).astype(dtype), ijk_to_ras=OBLIQUE)
    back = scene.volume_from_node(scene.show_volume(volume))
    np.testing.assert_array_equal(back.array, volume.array)
    np.testing.assert_allclose(back.ijk_to_ras, OBLIQUE, atol=1e-9)
    assert (back.modality, back.name, back.has_spacing) == ("CT", "block", True)


@pytest.mark.parametrize("dtype", [np.float16, np.bool_, np.int64])
def test_numbers_that_vtk_does_not_know_are_widened(slicer, ct, dtype):
    array = (ct.array > 0).astype(dtype)
    back = scene.volume_from_node(scene.show_volume(replace(ct, array=array)))
    np.testing.assert_array_equal(back.array, array.astype(np.float64))


def test_a_photograph_stays_in_color_and_without_spacing(slicer):
    array = np.zeros((1, 6, 8, 3), np.uint8)
    array[..., 0] = 200
    volume = Volume(array, np.diag([-1.0, -1, 1, 1]), "XC", "photo", has_spacing=False)
    node = scene.show_volume(volume)
    assert node.IsA("vtkMRMLVectorVolumeNode")
    back = scene.volume_from_node(node)
    np.testing.assert_array_equal(back.array, array)
    assert (back.modality, back.has_spacing) == ("XC", False)


def test_the_array_is_a_read_only_view_of_the_node(slicer, shown):
    volume = scene.volume_from_node(shown)
    assert np.shares_memory(volume.array, slicer.util.arrayFromVolume(shown))
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_a_ct_is_shown_in_the_lung_window(shown):
    display = shown.GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-1050, 250)


def test_a_linear_transform_moves_the_volume_in_space(slicer, shown, ct):
    matrix = np.array([[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, -3], [0, 0, 0, 1.0]])
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    shown.SetAndObserveTransformNodeID(transform.GetID())
    np.testing.assert_allclose(scene.volume_from_node(shown).ijk_to_ras, matrix @ ct.ijk_to_ras)


def test_a_non_linear_transform_is_refused_by_name(slicer, shown):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "warp")
    shown.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(GeometryError, match="block is under the non-linear transform warp"):
        scene.volume_from_node(shown)


def test_a_label_map_is_a_plain_volume(slicer, shown):
    labels = slicer.modules.volumes.logic().CreateAndAddLabelVolume(shown, "labels")
    volume = scene.volume_from_node(labels)
    assert (volume.modality, volume.array.max()) == ("", 0)


def test_a_ct_that_slicer_loaded_from_a_file_is_known_by_its_values(slicer, ct):
    node = slicer.util.addVolumeFromArray(np.where(ct.array > 0, 40, ct.array), name="from NRRD")
    assert scene.volume_from_node(node).modality == "CT"


def test_values_that_are_no_numbers_are_refused(slicer):
    array = np.zeros((2, 3, 4), np.float32)
    array[1, 1, 1] = np.nan
    node = slicer.util.addVolumeFromArray(array, name="holes")
    with pytest.raises(UnsuitableImageError, match="holes holds values that aren't finite"):
        scene.volume_from_node(node)


def test_modality_comes_from_the_dicom_browser_too(slicer):
    node = slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), np.int16), name="from DICOM")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(node), "DICOM.Modality", "CT")
    assert scene.volume_from_node(node).modality == "CT"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "void"), "no image"),
        (lambda s: s.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "void"), "not a volume"),
        (
            lambda s: s.util.addVolumeFromArray(
                np.zeros((2, 2, 2, 2), np.uint8),
                name="void",
                nodeClassName="vtkMRMLVectorVolumeNode",
            ),
            "2 values a voxel",
        ),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(slicer, make, message):
    with pytest.raises(UnsuitableImageError, match=message) as caught:
        scene.volume_from_node(make(slicer))
    assert "void" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_result_of_another_grid_is_not_shown(slicer, shown, ct):
    check_grid(ct, shown)
    with pytest.raises(GeometryError, match="40×60×80 voxels now, the result 41×60×80"):
        check_grid(replace(ct, array=np.zeros((41, 60, 80))), shown)
    with pytest.raises(GeometryError, match="block was moved"):
        check_grid(replace(ct, ijk_to_ras=OBLIQUE), shown)
