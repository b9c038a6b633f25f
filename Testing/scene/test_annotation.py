"""One case as an annotator sees it."""

import numpy as np
import pytest

from medai.errors import GeometryError, RatingError, StudyError
from medai.images import Volume, read_segmentation
from medai.scene import save_scene, save_segmentation
from medai.scene.annotation import outlined_masks, remove_case, segment_mask, show_case
from medai.scene.removal import remove_with_results
from medai.scene.segmentation_ratings import ratings_of_nodes
from medai.studies import label
from medai.terminology import terminology_entry

LABELS = (label("consolidation"), label("ground-glass opacity"))
OBLIQUE = np.array(
    [[-0.6, 0.8, 0.0, 30.0], [-0.8, -0.6, 0.0, -20.0], [0.0, 0.0, 2.5, 5.0], [0, 0, 0, 1.0]]
)


@pytest.fixture
def volume():
    """A small oblique CT."""
    array = np.arange(4 * 20 * 30, dtype=np.int16).reshape(4, 20, 30)
    return Volume(array, OBLIQUE, "CT", "Case 1")


@pytest.fixture
def masks():
    drawn = np.zeros((2, 4, 20, 30), np.uint8)
    drawn[0, 1:3, 4:9, 5:20] = 1
    drawn[1, 2, 12:18, 8:11] = 1
    return {"consolidation": drawn[0], "ground-glass opacity": drawn[1]}


def nodes_in(slicer) -> set[str]:
    return {
        slicer.mrmlScene.GetNthNode(index).GetName()
        for index in range(slicer.mrmlScene.GetNumberOfNodes())
        if slicer.mrmlScene.GetNthNode(index).GetAttribute("MedAI.role")
    }


def test_a_draft_comes_back_as_it_was_drawn(slicer, volume, masks):
    case = show_case(volume, LABELS, masks)
    found = outlined_masks(case, LABELS)
    assert list(found) == [entry.name for entry in LABELS]
    for name, mask in masks.items():
        np.testing.assert_array_equal(found[name], mask)


def test_a_new_case_has_every_label_and_nothing_outlined(slicer, volume):
    case = show_case(volume, LABELS)
    assert not any(mask.any() for mask in outlined_masks(case, LABELS).values())
    segmentation = case.outlines.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    for entry in LABELS:
        segment = segmentation.GetSegment(entry.name)
        assert segment.GetName() == entry.name
        assert segment.GetColor() == pytest.approx(entry.color, abs=1e-6)
        assert segment.GetTerminology() == terminology_entry(entry.name)


def test_names_colors_terminology_and_place_survive_and_stay_out_of_scenes(
    slicer, volume, masks, tmp_path
):
    case = show_case(volume, LABELS, masks)
    save_segmentation(case.outlines, tmp_path / "outlines.seg.nrrd")
    read = read_segmentation(tmp_path / "outlines.seg.nrrd")
    assert np.allclose(read.ijk_to_ras, OBLIQUE, atol=1e-4)
    for entry in LABELS:
        segment = read.segment(entry.name)
        assert segment.color == pytest.approx(entry.color, abs=1e-4)
        assert segment.terminology == terminology_entry(entry.name)
        np.testing.assert_array_equal(read.mask(entry.name), masks[entry.name] != 0)
    save_scene(tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    # The study's folder holds the work; in a saved scene the outlines would be nobody's.
    assert slicer.util.getNodes("Case 1*") == {}


def test_a_removed_segment_is_said_and_an_own_one_refused(slicer, volume, masks):
    case = show_case(volume, LABELS, masks)
    own = case.outlines.GetSegmentation().AddEmptySegment("own", "own")
    assert set(outlined_masks(case, LABELS)) == set(masks)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        masks["consolidation"], case.outlines, own, case.volume
    )
    with pytest.raises(StudyError, match="'own' is not a label"):
        outlined_masks(case, LABELS)
    case.outlines.GetSegmentation().RemoveSegment("own")
    case.outlines.GetSegmentation().RemoveSegment("consolidation")
    with pytest.raises(StudyError, match="'consolidation' was removed"):
        outlined_masks(case, LABELS)


def test_a_segment_on_another_grid_is_resampled_to_the_images(slicer, volume):
    case = show_case(volume, LABELS)
    fine = OBLIQUE @ np.diag([0.5, 0.5, 1.0, 1.0])
    fine[:3, 3] = OBLIQUE[:3, 3] - 0.25 * OBLIQUE[:3, 0] - 0.25 * OBLIQUE[:3, 1]
    mask = np.zeros((4, 40, 60), np.uint8)
    mask[1, 10:20, 20:40] = 1
    other = show_case(Volume(mask, fine, "", "fine"), LABELS, {"consolidation": mask})
    found = segment_mask(other.outlines, "consolidation", case.volume)
    expected = np.zeros((4, 20, 30), np.uint8)
    expected[1, 5:10, 10:20] = 1
    np.testing.assert_array_equal(found, expected)


def test_a_case_leaves_nothing_behind(slicer, volume, masks):
    before = slicer.mrmlScene.GetNumberOfNodes()
    region = np.ones((4, 20, 30), np.uint8)
    case = show_case(volume, LABELS, masks, region)
    assert nodes_in(slicer) == {"Case 1 outlines", "Case 1 region of interest"}
    remove_case(case)
    assert nodes_in(slicer) == set()
    # Only what belongs to the views and the hierarchy may have come.
    left = slicer.mrmlScene.GetNumberOfNodes() - before
    for _ in range(2):
        remove_case(show_case(volume, LABELS, masks, region))
    assert slicer.mrmlScene.GetNumberOfNodes() - before == left


def test_segmentations_of_the_scene_become_ratings(slicer, volume, masks):
    first = show_case(volume, LABELS, masks)
    second = show_case(volume, LABELS, {"consolidation": masks["consolidation"]})
    first.outlines.SetName("AB")
    second.outlines.SetName("CD")
    ratings, notes = ratings_of_nodes([first.outlines, second.outlines], first.volume)
    assert ratings.raters == ("AB", "CD")
    together = masks["consolidation"] | masks["ground-glass opacity"]
    np.testing.assert_array_equal(ratings.masks[0], together)
    np.testing.assert_array_equal(ratings.masks[1], masks["consolidation"])
    assert ratings.spacing_mm == pytest.approx((2.5, 1.0, 1.0))
    assert notes == ()


def test_segmentations_that_can_not_be_compared_are_refused(slicer, volume, masks):
    case = show_case(volume, LABELS, masks)
    with pytest.raises(RatingError, match="at least two"):
        ratings_of_nodes([case.outlines], case.volume)
    far = OBLIQUE.copy()
    far[:3, 3] = 900
    other = show_case(Volume(volume.array, far, "CT", "far"), LABELS, masks)
    other.outlines.SetName("far outlines")
    with pytest.raises(GeometryError, match="far outlines lies outside Case 1"):
        ratings_of_nodes([case.outlines, other.outlines], case.volume)
    other.outlines.SetName(case.outlines.GetName())
    with pytest.raises(RatingError, match="Two segmentations are called"):
        ratings_of_nodes([case.outlines, other.outlines], case.volume)


def test_a_volume_goes_with_its_results(slicer, volume, masks):
    case = show_case(volume, LABELS, masks)
    keep = show_case(Volume(volume.array, OBLIQUE, "CT", "Case 2"), LABELS)
    remove_with_results(case.volume)
    assert nodes_in(slicer) == {"Case 2 outlines"}
    assert keep.volume.GetScene() is slicer.mrmlScene
