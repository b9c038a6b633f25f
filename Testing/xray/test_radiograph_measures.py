"""Lungs, zones and scores of radiographs, counted by hand on small pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medai.errors import InputError, UnsuitableImageError
from medai.measures.radiograph import (
    extent_score,
    measure_radiograph,
    six_zones,
    two_lungs,
)
from medai.measures.zone_scores import parse_reader, six_zone_score


def two_boxes(gap=20):
    mask = np.zeros((100, 100), bool)
    mask[20:80, 15 : 50 - gap // 2] = True
    mask[20:80, 50 + gap // 2 : 85] = True
    return mask


def test_the_lung_on_the_pictures_left_is_the_right_one():
    lungs = two_lungs(two_boxes(), "film")
    assert set(np.unique(lungs[:, :50])) == {0, 1}
    assert set(np.unique(lungs[:, 50:])) == {0, 2}


def test_holes_are_filled_and_crumbs_left_out():
    mask = two_boxes()
    mask[40:44, 20:24] = False
    mask[5:8, 5:8] = True
    lungs = two_lungs(mask, "film")
    assert lungs[42, 22] == 1
    assert lungs[6, 6] == 0


def test_lungs_that_hang_together_are_cut_between_them():
    mask = two_boxes()
    mask[50:53, 30:70] = True
    lungs = two_lungs(mask, "film")
    assert lungs[51, 35] == 1
    assert lungs[51, 65] == 2


def test_one_lung_alone_keeps_its_side():
    mask = two_boxes()
    mask[:, 50:] = False
    assert set(np.unique(two_lungs(mask, "film"))) == {0, 1}
    mask = two_boxes()
    mask[:, :50] = False
    assert set(np.unique(two_lungs(mask, "film"))) == {0, 2}


def test_a_film_on_its_side_and_a_film_without_lungs_are_refused():
    with pytest.raises(UnsuitableImageError, match="one above the other"):
        two_lungs(two_boxes().T.copy(), "film")
    with pytest.raises(UnsuitableImageError, match="no lungs are seen"):
        two_lungs(np.zeros((100, 100), bool), "film")


def test_zones_are_thirds_of_each_lungs_height():
    lungs = np.zeros((12, 4), np.uint8)
    lungs[0:9, 0] = 1
    lungs[3:9, 3] = 2
    zones = six_zones(lungs)
    assert zones[:, 0].tolist() == [1] * 3 + [2] * 3 + [3] * 3 + [0] * 3
    assert zones[:, 3].tolist() == [0] * 3 + [4, 4, 5, 5, 6, 6] + [0] * 3
    assert (zones[:, 1:3] == 0).all()


def test_shares_and_scores_of_a_counted_picture():
    lungs = np.zeros((12, 20), np.uint8)
    lungs[:, :10], lungs[:, 10:] = 1, 2
    opacities = np.zeros_like(lungs)
    opacities[0:4, 0:5] = 1  # 20 of the 40 pixels of zone A
    opacities[8:12, 10:20] = 2  # all of zone F
    found = measure_radiograph(lungs, opacities, six_zones(lungs))
    assert found.zone_opacity_percent == (50.0, 0.0, 0.0, 0.0, 0.0, 100.0)
    assert found.right.opacity_percent == pytest.approx(100 * 20 / 120)
    assert found.left.consolidation_percent == pytest.approx(100 / 3)
    assert found.opacity_percent == 25.0
    assert (found.right.extent, found.left.extent, found.extent) == (1, 2, 3)
    assert (found.right.opacity, found.left.opacity, found.opacity) == (1, 2, 3)


def test_a_lung_that_is_not_in_view_has_no_score():
    lungs = np.zeros((12, 20), np.uint8)
    lungs[:, :10] = 1
    found = measure_radiograph(lungs, np.zeros_like(lungs), six_zones(lungs))
    assert math.isnan(found.left.opacity_percent)
    assert found.extent is None
    assert found.opacity is None
    with pytest.raises(InputError, match="differ in shape"):
        measure_radiograph(lungs, np.zeros((3, 3), np.uint8), six_zones(lungs))


@pytest.mark.parametrize(
    ("percent", "score"),
    [(0, 0), (0.99, 0), (1, 1), (24.9, 1), (25, 2), (50, 2), (50.1, 3), (75, 3), (75.1, 4),
     (100, 4), (math.nan, None)],
)  # fmt: skip
def test_extent_classes(percent, score):
    assert extent_score(percent) == score


def test_a_white_lung_has_the_highest_degree():
    lungs = np.ones((10, 10), np.uint8)
    opacities = np.full_like(lungs, 2)
    assert measure_radiograph(lungs, opacities, six_zones(lungs)).right.opacity == 3


def test_six_zone_score_adds_rounded_expectations_and_widens_with_doubt():
    sure = np.eye(4)[[0, 1, 2, 3, 1, 0]]
    found = six_zone_score(sure)
    assert found.zones == (0, 1, 2, 3, 1, 0)
    assert (found.total, found.low, found.high) == (7, 7, 7)
    doubt = np.full((6, 4), 0.25)
    # Expected 1.5, rounded up to 2; variance 1.25 a zone: 1.2816 * sqrt(7.5) = 3.5 about 9.
    wide = six_zone_score(doubt)
    assert (wide.total, wide.low, wide.high) == (12, 5, 13)
    wider = six_zone_score(doubt, spread=2.0)
    assert wider.low < wide.low
    assert wider.high > wide.high


def test_a_zone_out_of_view_leaves_the_total_open():
    rows = np.eye(4)[[0, 1, 2, 3, 1, 0]]
    rows[2] = np.nan
    found = six_zone_score(rows)
    assert found.zones[2] is None
    assert found.total is None
    assert "not in view" in found.text


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,0,0", "a,0,0,0,0,0", "-1,0,0,0,0,0"])
def test_a_readers_score_has_six_numbers_to_3(text):
    with pytest.raises(InputError, match="expected six"):
        parse_reader(text)
    assert parse_reader("3,2,1,0,1,2") == (3, 2, 1, 0, 1, 2)
