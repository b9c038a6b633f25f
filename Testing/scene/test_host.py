"""The Slicer-like application: what code written for Slicer finds there."""

import os
import subprocess
import sys

import numpy as np
import pytest

from medai import host
from medai.errors import MissingDependencyError
from Testing.scene.items import children, hierarchy_of


def test_starting_twice_keeps_the_scene(slicer):
    scene = slicer.mrmlScene
    assert host.start() is slicer
    assert slicer.mrmlScene is scene


def test_a_running_slicer_is_left_as_it_is(slicer, monkeypatch):
    scene, application = object(), object()
    monkeypatch.setattr(slicer, "mrmlScene", scene)
    monkeypatch.setattr(slicer, "app", application)
    assert host.start() is slicer
    assert slicer.mrmlScene is scene
    assert slicer.app is application


def test_without_slicer_core_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer", None)
    with pytest.raises(MissingDependencyError, match=r"install medai\[slicer\]") as caught:
        host.start()
    assert "\n" not in str(caught.value)


def test_volume_is_saved_and_loaded_by_slicer_util(slicer, shown, ct, tmp_path):
    path = tmp_path / "ct.nrrd"
    assert slicer.util.saveNode(shown, str(path))
    loaded = slicer.util.loadVolume(str(path))
    assert loaded.GetName() == "ct"
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), ct.array)
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert red.GetSliceCompositeNode().GetBackgroundVolumeID() == loaded.GetID()


def test_label_map_transform_table_markups_and_model_come_back(slicer, shown, tmp_path):
    import vtk

    util = slicer.util
    labels = slicer.modules.volumes.logic().CreateAndAddLabelVolume(shown, "labels")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 7.0)
    transform.SetMatrixTransformToParent(matrix)
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "table")
    util.updateTableFromArray(table, np.array([1.0, 2.0]), "volume (mL)")
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    points.AddControlPoint(1, 2, 3)
    sphere = vtk.vtkSphereSource()
    model = slicer.modules.models.logic().AddModel(sphere.GetOutputPort())
    for node, name in (
        (labels, "labels.nrrd"),
        (transform, "shift.h5"),
        (table, "table.tsv"),
        (points, "points.mrk.json"),
        (model, "sphere.vtk"),
    ):
        assert util.saveNode(node, str(tmp_path / name))
    slicer.mrmlScene.Clear(False)

    assert util.loadLabelVolume(str(tmp_path / "labels.nrrd")).IsA("vtkMRMLLabelMapVolumeNode")
    shift = util.loadTransform(str(tmp_path / "shift.h5"))
    assert util.arrayFromTransformMatrix(shift)[0, 3] == pytest.approx(7.0)
    column = util.arrayFromTableColumn(util.loadTable(str(tmp_path / "table.tsv")), "volume (mL)")
    assert column.tolist() == [1.0, 2.0]
    found = util.loadMarkups(str(tmp_path / "points.mrk.json"))
    assert util.arrayFromMarkupsControlPoints(found).tolist() == [[1, 2, 3]]
    assert util.loadModel(str(tmp_path / "sphere.vtk")).GetPolyData().GetNumberOfPoints() > 10


@pytest.mark.parametrize("content", [None, b"this is no image"])
def test_a_file_that_cannot_be_read_raises_as_in_slicer(slicer, tmp_path, content):
    path = tmp_path / "broken.mrk.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match="broken"):
        slicer.util.loadMarkups(str(path))


def test_export_writes_a_copy_and_keeps_the_file_of_the_node(slicer, shown, tmp_path):
    slicer.util.saveNode(shown, str(tmp_path / "own.nrrd"))
    assert slicer.util.exportNode(shown, str(tmp_path / "copy.nii.gz"))
    assert (tmp_path / "copy.nii.gz").stat().st_size > 0
    assert shown.GetStorageNode().GetFileName().endswith("own.nrrd")


def test_module_logic_written_for_slicer_runs(slicer, shown):
    """A segment from an array and back, by the calls that Slicer's script repository shows."""
    mask = np.zeros((40, 60, 80), np.uint8)
    mask[12:20, 30:50, 40:70] = 1
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "segmentation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(shown)
    segment = node.GetSegmentation().AddEmptySegment("lesion")
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, shown)
    back = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, shown)
    np.testing.assert_array_equal(back, mask)
    node.CreateClosedSurfaceRepresentation()
    surface = node.GetClosedSurfaceInternalRepresentation(segment)
    assert surface.GetNumberOfPoints() > 100


def test_views_jump_and_show_what_they_are_told(slicer, shown):
    slicer.util.setSliceViewerLayers(background=shown, fit=True)
    slicer.modules.markups.logic().JumpSlicesToLocation(10.0, 20.0, 30.0, True)
    manager = slicer.app.layoutManager()
    nodes = {name: manager.sliceWidget(name).mrmlSliceNode() for name in manager.sliceViewNames()}
    through = {name: node.GetSliceToRAS() for name, node in nodes.items()}
    assert through["Yellow"].GetElement(0, 3) == pytest.approx(10.0)
    assert through["Green"].GetElement(1, 3) == pytest.approx(20.0)
    assert through["Red"].GetElement(2, 3) == pytest.approx(30.0)
    assert {name: node.GetOrientation() for name, node in nodes.items()} == {
        "Red": "Axial",
        "Green": "Coronal",
        "Yellow": "Sagittal",
    }


def test_views_and_hierarchy_outlive_a_closed_scene(slicer, ct):
    from medai import scene

    slicer.mrmlScene.Clear(False)
    node = scene.show_volume(ct)
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert red.GetSliceNode().GetOrientation() == "Axial"
    assert red.GetSliceCompositeNode().GetBackgroundVolumeID() == node.GetID()
    assert list(children(slicer)) == ["block"]


def test_every_data_node_has_an_item_and_takes_it_along(slicer, shown):
    """Trap: items are made by Slicer's window, not by the libraries."""
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "numbers")
    hidden = slicer.vtkMRMLModelNode()
    hidden.SetHideFromEditors(True)
    slicer.mrmlScene.AddNode(hidden)
    assert list(children(slicer)) == ["block", "numbers"]
    assert hierarchy_of(slicer).GetItemDataNode(children(slicer)["numbers"]) is table
    slicer.mrmlScene.RemoveNode(table)
    assert list(children(slicer)) == ["block"]


def test_a_saved_scene_brings_each_item_once(slicer, shown, tmp_path):
    hierarchy = hierarchy_of(slicer)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(shown), folder)
    slicer.util.saveScene(str(tmp_path / "one.mrb"))
    slicer.util.loadScene(str(tmp_path / "one.mrb"))
    assert list(children(slicer)) == ["study"]
    assert list(children(slicer, children(slicer)["study"])) == ["block"]


def test_start_says_nothing_on_stderr_and_ends_cleanly():
    code = (
        "from medai import host; s = host.start(); s.mrmlScene.AddNewNodeByClass('vtkMRMLTextNode')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring their own OpenGL")
@pytest.mark.parametrize("missing", ["__EGL_VENDOR_LIBRARY_DIRS", "LIBGL_DRIVERS_PATH"])
def test_without_opengl_one_line_names_the_packages(missing):
    code = (
        "from medai.errors import MissingDependencyError\n"
        "from Testing.rendering.offscreen import OffscreenWindow\n"
        "try:\n    OffscreenWindow((64, 64)).picture()\n"
        "except MissingDependencyError as error:\n    print(error)\n"
    )
    environment = {k: v for k, v in _environment().items() if k != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment, missing: "/nonexistent"},
        check=False,
    )
    assert done.returncode == 0
    assert "libegl1 and libgl1-mesa-dri" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def _environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
