"""Label arrays as segments."""

import numpy as np
import pytest

from medai.palette import ORANGE, SKY_BLUE
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, bounding_box, put_labels
from medai.terminology import terminology_entry

LOOKS = {
    1: SegmentLook("consolidation", ORANGE),
    2: SegmentLook("right lung", SKY_BLUE, fill=0.0, surface=0.2),
}


@pytest.fixture
def labels(ct):
    array = np.zeros(ct.array.shape, np.uint8)
    array[12:20, 5:30, 10:40] = 1
    array[15:35, 35:50, 60:75] = 2
    return array


@pytest.fixture
def segmentation(shown):
    node = ResultNodes(shown, "test", "test").node("s", "vtkMRMLSegmentationNode", "s")
    node.SetReferenceImageGeometryParameterFromVolumeNode(shown)
    return node


def array_of(slicer, node, name, shown):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, name, shown)


def test_each_label_becomes_a_segment_with_name_color_and_code(
    slicer, shown, segmentation, labels, ct
):
    assert put_labels(segmentation, labels, ct.ijk_to_ras, LOOKS)
    for value, look in LOOKS.items():
        segment = segmentation.GetSegmentation().GetSegment(look.name)
        assert segment.GetName() == look.name
        assert segment.GetColor() == pytest.approx(look.color)
        assert segment.GetTerminology() == terminology_entry(look.name)
        array = array_of(slicer, segmentation, look.name, shown)
        np.testing.assert_array_equal(array, labels == value)


def test_new_labels_replace_the_old_and_keep_what_the_user_chose(
    slicer, shown, segmentation, labels, ct
):
    put_labels(segmentation, labels, ct.ijk_to_ras, LOOKS)
    display = segmentation.GetDisplayNode()
    display.SetSegmentVisibility("right lung", False)
    display.SetSegmentOpacity2DFill("consolidation", 0.9)
    moved = np.roll(labels, 3, axis=0)
    assert put_labels(segmentation, moved, ct.ijk_to_ras, LOOKS)
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 2
    array = array_of(slicer, segmentation, "consolidation", shown)
    np.testing.assert_array_equal(array, moved == 1)
    assert not display.GetSegmentVisibility("right lung")
    assert display.GetSegmentOpacity2DFill("consolidation") == pytest.approx(0.9)


def test_the_same_array_is_not_put_again_so_corrections_stay(
    slicer, shown, segmentation, labels, ct
):
    put_labels(segmentation, labels, ct.ijk_to_ras, LOOKS)
    corrected = np.zeros_like(labels)
    corrected[0, 0, 0] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(corrected, segmentation, "right lung", shown)
    assert not put_labels(segmentation, labels, ct.ijk_to_ras, LOOKS)
    assert array_of(slicer, segmentation, "right lung", shown).sum() == 1


def test_nothing_found_gives_empty_segments(slicer, shown, segmentation, labels, ct):
    put_labels(segmentation, np.zeros_like(labels), ct.ijk_to_ras, LOOKS)
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 2
    assert array_of(slicer, segmentation, "consolidation", shown).sum() == 0


def test_surfaces_in_3d_follow_the_labels_and_others_stay(slicer, shown, segmentation, labels, ct):
    put_labels(segmentation, labels, ct.ijk_to_ras, LOOKS)
    other = np.ascontiguousarray((labels == 2).view(np.uint8))
    put_labels(segmentation, other, ct.ijk_to_ras, {1: SegmentLook("left lung", SKY_BLUE)})
    segmentation.CreateClosedSurfaceRepresentation()
    kept = segmentation.GetClosedSurfaceInternalRepresentation("left lung")
    before = segmentation.GetClosedSurfaceInternalRepresentation("consolidation").GetBounds()
    put_labels(segmentation, np.roll(labels, 6, axis=0), ct.ijk_to_ras, LOOKS)
    after = segmentation.GetClosedSurfaceInternalRepresentation("consolidation").GetBounds()
    # Six slices of 3 mm toward the head.
    assert after[4] - before[4] == pytest.approx(18.0, abs=0.1)
    assert segmentation.GetClosedSurfaceInternalRepresentation("left lung") is kept


def test_the_box_around_labels_is_tight():
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[1:3, 2, 4:6] = 3
    assert bounding_box(labels) == (slice(1, 3), slice(2, 3), slice(4, 6))
    assert labels[bounding_box(np.zeros_like(labels))].size == 0
