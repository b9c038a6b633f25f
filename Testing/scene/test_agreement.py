"""Several raters' outlines in the scene."""

import numpy as np
import pytest

from medai import scene
from medai.agreement import disagreement
from medai.agreement.ratings import ImageRatings
from medai.images import Volume
from medai.palette import rater_color
from medai.scene.agreement import CONSENSUS_METHODS, show_consensus, show_raters
from Testing.rendering.slice_picture import slice_picture

RATERS = ("AB", "CD", "EF")
COLORS = {rater: rater_color(index) for index, rater in enumerate(RATERS)}


@pytest.fixture
def photo(slicer):
    """A grey photograph of 60×80 pixels in the scene."""
    array = np.full((1, 60, 80), 60, np.uint8)
    return scene.show_volume(Volume(array, np.diag([-1.0, -1, 1, 1]), "XC", "case 1"))


@pytest.fixture
def masks():
    """Three squares, each shifted: they share 10 columns."""
    array = np.zeros((3, 1, 60, 80), np.uint8)
    for index, start in enumerate((20, 25, 30)):
        array[index, :, 20:40, start : start + 20] = 1
    return array


@pytest.fixture
def ratings(masks):
    return ImageRatings("case 1", masks, RATERS)


def mask_of(slicer, node, name, photo):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, name, photo)


def test_each_raters_outline_is_whole_where_they_overlap(slicer, photo, ratings, masks):
    outlines = show_raters(ratings, COLORS, photo).outlines
    for index, rater in enumerate(RATERS):
        segment = outlines.GetSegmentation().GetSegment(rater)
        assert segment.GetColor() == pytest.approx(rater_color(index))
        np.testing.assert_array_equal(mask_of(slicer, outlines, rater, photo), masks[index])


def test_outlines_are_seen_in_the_raters_colors(photo, ratings):
    show_raters(ratings, COLORS, photo)
    picture = slice_picture(photo, size_px=(240, 320)).astype(int)
    # 4 picture pixels for each of the photograph's; between the corners, on the left edges.
    for index, start in enumerate((20, 25, 30)):
        edge = picture[120, 4 * start - 3 : 4 * start + 4]
        expected = 255 * np.array(rater_color(index))
        assert np.abs(edge - expected).max(axis=1).min() < 40


def test_the_map_is_the_raters_disagreement_in_percent(slicer, photo, ratings, masks):
    percent = slicer.util.arrayFromVolume(show_raters(ratings, COLORS, photo).disagreement)
    np.testing.assert_array_equal(percent, np.rint(100 * disagreement(masks)))
    assert percent[0, 30, 35] == 0
    assert percent[0, 30, 28] == 92  # two against one: the entropy of 1/3 is 0.918 bits


def test_nothing_outside_the_region_counts(slicer, photo, masks):
    roi = np.zeros((1, 60, 80), np.uint8)
    roi[..., :30] = 1
    nodes = show_raters(ImageRatings("case 1", masks, RATERS, roi), COLORS, photo)
    percent = slicer.util.arrayFromVolume(nodes.disagreement)
    assert percent[..., :30].max() > 0
    assert percent[..., 30:].max() == 0


def test_a_new_outline_updates_and_a_rater_who_left_goes(slicer, photo, ratings, masks):
    nodes = show_raters(ratings, COLORS, photo)
    before = slicer.mrmlScene.GetNumberOfNodes()
    moved = np.roll(masks, 5, axis=2)
    again = show_raters(ImageRatings("case 1", moved[1:], RATERS[1:]), COLORS, photo)
    assert again.outlines is nodes.outlines
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    np.testing.assert_array_equal(mask_of(slicer, again.outlines, "CD", photo), moved[1])
    assert again.outlines.GetSegmentation().GetSegment("AB") is None


@pytest.mark.parametrize("method", sorted(CONSENSUS_METHODS))
def test_the_consensus_is_an_outline_of_its_own(slicer, photo, ratings, method):
    node, consensus = show_consensus(ratings, method, photo)
    np.testing.assert_array_equal(mask_of(slicer, node, "consensus", photo), consensus.mask)
    assert consensus.mask.any()
