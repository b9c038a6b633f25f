"""Maps, scans and crop boxes as nodes of the scene."""

from __future__ import annotations

import numpy as np
import pytest

from medai.errors import GeometryError, InputError
from medai.images.crop_box import CropBox
from medai.images.volume import Volume
from medai.inference.cataract.result import CataractOptions
from medai.models import ModelStore
from Testing.cataract.cards import write_card
from Testing.modules.cataract_results import SCANS, SHAPE, small_eyes, small_scans, truth_result

pytestmark = pytest.mark.xdist_group("panels")
pytest.importorskip("slicer", reason="slicer-core is not installed (it needs Python 3.11)")


@pytest.fixture
def slicer():
    from medai import host

    module = host.start()
    module.mrmlScene.Clear(0)
    return module


@pytest.fixture
def nodes(slicer):
    from medai.scene.oct_scans import show_scans

    return [show_scans(scans) for scans in small_scans()]


@pytest.fixture
def result(nodes, tmp_path):
    """The truth as a result for the scans that the nodes hold."""
    from medai.scene.oct_scans import scans_from_node

    write_card(tmp_path, "small", recommended=True, threshold=0.2)
    scans = tuple(
        scans_from_node(node, side) for node, side in zip(nodes, ("right", "left"), strict=True)
    )
    return truth_result(scans, ModelStore([tmp_path]).card("small"), CataractOptions())


def test_scans_come_back_from_their_node_with_names_and_pixel_size(nodes) -> None:
    from medai.scene.oct_scans import scans_from_node

    for node, scans, side in zip(nodes, small_scans(), ("right", "left"), strict=True):
        back = scans_from_node(node, side)
        assert back.names == scans.names
        assert back.label == scans.label == node.GetName()
        assert np.array_equal(back.volume.array, scans.volume.array)
        assert back.volume.spacing_mm == pytest.approx(scans.volume.spacing_mm)
        assert back.crops == (None,) * SCANS


def test_a_placed_crop_is_kept_with_the_node_and_can_be_taken_back(nodes) -> None:
    from medai.scene.oct_scans import place_crop, scans_from_node

    place_crop(nodes[0], 1, CropBox(10, 20, 110, 120))
    assert scans_from_node(nodes[0]).crops == (None, CropBox(10, 20, 110, 120), None)
    assert scans_from_node(nodes[1]).crops == (None,) * SCANS
    place_crop(nodes[0], 1, None)
    assert scans_from_node(nodes[0]).crops == (None,) * SCANS


def test_showing_again_updates_the_nodes_instead_of_adding_more(slicer, nodes, result) -> None:
    from medai import scene

    first = scene.show(result, nodes)
    count = slicer.mrmlScene.GetNumberOfNodes()
    again = scene.show(result, nodes)
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    assert [eye.probability.GetID() for eye in first] == [e.probability.GetID() for e in again]


def test_segments_are_the_lens_and_the_cataract(slicer, nodes, result) -> None:
    from medai import scene

    shown = scene.show(result, nodes)[0]
    truth = small_eyes()["right"]
    for name, mask in (("lens", truth.lens), ("cataract", truth.cataract)):
        found = slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentation, name, nodes[0])
        assert found.shape == (SCANS, *SHAPE)
        assert np.array_equal(found.astype(bool), mask)


def test_tables_hold_the_measures(slicer, nodes, result) -> None:
    from medai import scene

    shown = scene.show(result, nodes)[0]
    table = shown.scan_table.GetTable()
    column = table.GetColumnByName("cataract fraction")
    found = [column.GetValue(k) for k in range(column.GetNumberOfTuples())]
    assert found == pytest.approx(small_eyes()["right"].fractions.tolist())
    lens = shown.depth_table.GetTable().GetColumnByName("lens (pixels)")
    total = sum(lens.GetValue(k) for k in range(lens.GetNumberOfTuples()))
    assert total == small_eyes()["right"].lens.sum()


def test_one_eye_goes_with_one_node(nodes, result) -> None:
    from dataclasses import replace

    from medai import scene

    one = replace(result, eyes=result.eyes[1:])
    assert scene.show(one, nodes[1])[0].scans is nodes[1]
    with pytest.raises(InputError, match="1 volumes for a result of 2 eyes"):
        scene.show(result, nodes[0])


def test_scans_that_were_replaced_since_are_refused(slicer, nodes, result) -> None:
    from medai import scene

    slicer.util.updateVolumeFromArray(nodes[0], np.zeros((SCANS, 50, 60), np.uint8))
    with pytest.raises(GeometryError, match="run again"):
        scene.show(result, nodes)


@pytest.mark.parametrize(
    "directions",
    [
        np.diag([-1.0, -1.0, 1.0]),
        np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]),
        np.array([[0, 0, 1.0], [-1.0, 0, 0], [0, -1.0, 0]]),
    ],
)
def test_a_view_shows_scans_as_pictures_however_they_lie_in_space(slicer, directions) -> None:
    from medai import scene
    from medai.scene.crop_editor import CropEditor, box_of_roi
    from medai.scene.eye_views import go_to_scan, show_eyes

    matrix = np.eye(4)
    matrix[:3, :3] = directions * [0.06, 0.07, 0.5]
    matrix[:3, 3] = (3, -4, 5)
    array = small_eyes()["right"].volume.array
    node = scene.show_volume(Volume(array, matrix, "OPT", "scans"))
    view = show_eyes([node])[0]
    go_to_scan([node], 0, 2)
    slice_to_ras = np.array(
        [[view.GetSliceToRAS().GetElement(r, c) for c in range(4)] for r in range(4)]
    )
    assert slice_to_ras[:3, 0] == pytest.approx(directions[:, 0])
    assert slice_to_ras[:3, 1] == pytest.approx(-directions[:, 1])
    editor = CropEditor(node, view)
    try:
        assert editor.scan == 2
        assert box_of_roi(node, editor.roi) == editor.box(2)
    finally:
        editor.close()


def test_the_editor_takes_its_box_along_when_it_closes(slicer, nodes) -> None:
    from medai.scene.crop_editor import CropEditor
    from medai.scene.eye_views import show_eyes

    views = show_eyes(nodes)
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode")
    editor = CropEditor(nodes[0], views[0])
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == before + 1
    editor.close()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") == before
