"""Pictures without a screen, measured in pixels."""

import numpy as np
import pytest

from medai import scene
from medai.images import Volume
from medai.palette import ORANGE, SKY_BLUE
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, put_labels
from Testing.rendering.offscreen import OffscreenWindow
from Testing.rendering.picture_3d import picture_3d
from Testing.rendering.slice_picture import SliceView, slice_picture

SIZE = (200, 200)


@pytest.fixture
def segmentation(shown, ct):
    """A square with a fill on the patient's left, and one with an outline alone in the middle."""
    labels = np.zeros(ct.array.shape, np.uint8)
    labels[10:30, 20:40, 54:74] = 1
    labels[10:30, 20:40, 30:45] = 2
    node = ResultNodes(shown, "test", "test").node("s", "vtkMRMLSegmentationNode", "s")
    looks = {
        1: SegmentLook("consolidation", ORANGE, fill=0.5, surface=1.0),
        2: SegmentLook("right lung", SKY_BLUE, fill=0.0, surface=0.3),
    }
    put_labels(node, labels, ct.ijk_to_ras, looks)
    return node


def columns_where(picture: np.ndarray, threshold: int) -> np.ndarray:
    return np.flatnonzero((picture[..., 0] > threshold).sum(axis=0) > 20)


def test_the_patients_right_is_on_the_pictures_left(slicer, shown):
    """Trap: without an orientation, left and right are mirrored. The block is at R 52 to 72."""
    for orientation in ("Axial", "Coronal"):
        bright = columns_where(slice_picture(shown, orientation=orientation, size_px=SIZE), 200)
        # 160 mm of the patient fill the 200 columns, R 80 at the left edge.
        assert bright.min() == pytest.approx((80 - 72) / 160 * 200, abs=2)
        assert bright.max() == pytest.approx((80 - 52) / 160 * 200, abs=2)


def test_a_mirrored_study_gives_the_same_picture(slicer, shown, ct):
    flipped = ct.ijk_to_ras.copy()
    flipped[:, 0] *= -1
    flipped[:, 3] = ct.ijk_to_ras @ [79, 0, 0, 1]
    other = scene.show_volume(Volume(np.ascontiguousarray(ct.array[..., ::-1]), flipped, "CT", "m"))
    for orientation in ("Axial", "Sagittal"):
        at = (60.0, 0.0, 60.0)
        kwargs = {"orientation": orientation, "at_ras": at, "size_px": SIZE}
        np.testing.assert_allclose(
            slice_picture(shown, **kwargs).astype(int),
            slice_picture(other, **kwargs).astype(int),
            atol=2,
        )


def test_anterior_is_up_and_sagittal_looks_from_the_left(slicer, ct):
    ct.array[:, 0:10, :] = 400
    node = scene.show_volume(ct)
    axial = slice_picture(node, size_px=SIZE)
    # The body is 120 mm deep in a picture of 160 mm: rows 25 to 175, front first.
    assert axial[32, 150, 0] > 200
    assert axial[168, 150, 0] < 100
    sagittal = slice_picture(node, orientation="Sagittal", size_px=SIZE)
    bright = columns_where(sagittal, 200)
    assert bright.max() < 100


def test_the_slice_goes_through_the_point(slicer, shown):
    inside = slice_picture(shown, at_ras=(60, 0, 60.0), size_px=SIZE)
    outside = slice_picture(shown, at_ras=(60, 0, 15.0), size_px=SIZE)
    assert columns_where(inside, 200).size > 20
    assert columns_where(outside, 200).size == 0


def test_a_fill_blends_over_the_ct_not_over_black(slicer, shown, segmentation):
    """Trap: drawn in the wrong order, the segment lies on black, or under the slice."""
    picture = slice_picture(shown, size_px=SIZE)
    grey = picture[60, 120]
    assert len(set(grey.tolist())) == 1
    assert grey[0] > 30
    # The segment's 0.5 times the 0.5 that Slicer gives every fill.
    expected = (0.75 * grey + 0.25 * 255 * np.array(ORANGE)).round()
    np.testing.assert_allclose(picture[100, 160], expected, atol=3)


def test_an_outline_without_fill_leaves_the_inside_alone(slicer, shown, segmentation):
    picture = slice_picture(shown, size_px=SIZE).astype(int)
    middle = picture[100]
    blue = np.flatnonzero(middle[:, 2] - middle[:, 0] > 60)
    # R 20 to R -10 of the label's pixels, in 200 columns for R 80 to R -80.
    assert blue.min() == pytest.approx(75, abs=2)
    assert blue.max() == pytest.approx(112, abs=2)
    inside = middle[blue.min() + 4 : blue.max() - 3]
    assert np.ptp(inside) == 0


def test_letters_say_which_side_is_which(slicer, shown):
    picture = slice_picture(shown, at_ras=(0, 0, 15.0), size_px=SIZE)
    assert (picture[80:120, :20] > 200).any()
    assert (picture[:24, 80:120] > 200).any()
    assert not (picture[80:120, 30:] > 200).any()


def test_pictures_leave_the_scene_as_it_was(slicer, shown, segmentation):
    before = slicer.mrmlScene.GetNumberOfNodes()
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    offset = red.GetSliceOffset()
    with SliceView(SIZE) as view:
        view.picture(shown, at_ras=(0, 0, 30.0))
    slice_picture(shown, orientation="Coronal", size_px=SIZE)
    picture_3d(segmentation, size_px=SIZE)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert red.GetSliceOffset() == offset
    assert not segmentation.GetSegmentation().ContainsRepresentation("Closed surface")


def test_one_view_draws_many_slices_the_same_as_each_alone(slicer, shown, segmentation):
    with SliceView(SIZE) as view:
        for orientation in ("Axial", "Sagittal", "Coronal", "Axial"):
            np.testing.assert_array_equal(
                view.picture(shown, orientation=orientation),
                slice_picture(shown, orientation=orientation, size_px=SIZE),
            )


def test_surfaces_stand_where_the_segments_are(slicer, shown, segmentation):
    """From the front: the patient's left, with the orange block, on the picture's right."""
    picture = picture_3d(segmentation, size_px=SIZE).astype(int)
    orange = np.flatnonzero(((picture[..., 0] - picture[..., 2]) > 80).sum(axis=0) > 5)
    blue = np.flatnonzero(((picture[..., 2] - picture[..., 0]) > 20).sum(axis=0) > 5)
    assert orange.min() > blue.max()
    from_behind = picture_3d(segmentation, from_direction=(0, -1, 0), size_px=SIZE).astype(int)
    orange = np.flatnonzero(((from_behind[..., 0] - from_behind[..., 2]) > 80).sum(axis=0) > 5)
    assert orange.max() < 110


def test_translucent_surfaces_are_drawn_and_let_light_through(slicer, shown, segmentation, ct):
    """Trap: they vanish when depth peeling meets several samples a pixel."""
    labels = np.zeros(ct.array.shape, np.uint8)
    labels[5:35, 5:55, 25:50] = 2
    labels[15:25, 25:35, 34:41] = 1
    looks = {
        1: SegmentLook("consolidation", ORANGE),
        2: SegmentLook("right lung", SKY_BLUE),
    }
    put_labels(segmentation, labels, ct.ijk_to_ras, looks)
    picture = picture_3d(segmentation, size_px=SIZE).astype(int)
    lung, lesion, empty = picture[60, 70], picture[100, 100], picture[4, 4]
    np.testing.assert_array_equal(empty, 255)
    assert lung[2] - lung[0] > 20
    assert lesion[0] - lesion[2] > 40
    assert lesion.sum() < lung.sum()


def test_hidden_segments_are_not_drawn_in_3d(slicer, shown, segmentation):
    segmentation.GetDisplayNode().SetAllSegmentsVisibility(False)
    assert (picture_3d(segmentation, size_px=(64, 64)) == 255).all()


def test_a_window_has_the_size_it_was_asked_for(slicer):
    window = OffscreenWindow((60, 100))
    assert window.picture().shape == (60, 100, 3)
    window.close()
