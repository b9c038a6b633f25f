"""Overlap and distances, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import dice, pairwise_overlap


def test_two_shifted_squares_have_the_distances_of_their_shift() -> None:
    masks = np.zeros((2, 20, 20), dtype=np.uint8)
    masks[0, 5:10, 5:10] = 1
    masks[1, 5:10, 8:13] = 1
    (pair,) = pairwise_overlap(masks, None, (2.0, 0.5))
    assert pair.dice == pytest.approx(2 * 10 / 50)
    assert pair.iou == pytest.approx(10 / 40)
    assert pair.hausdorff_mm == pytest.approx(1.5)
    assert pair.size_difference == 0.0


def test_distances_follow_anisotropic_spacing_in_3d() -> None:
    masks = np.zeros((2, 6, 6, 6), dtype=bool)
    masks[0, 1, 2, 2] = True
    masks[1, 3, 2, 2] = True
    (pair,) = pairwise_overlap(masks, None, (5.0, 1.0, 1.0))
    assert pair.dice == 0.0
    assert pair.hausdorff_mm == pair.hausdorff95_mm == pair.mean_surface_mm == 10.0


def test_sizes_are_square_millimetres_in_2d_and_millilitres_in_3d() -> None:
    flat = np.zeros((2, 4, 4))
    flat[1, :2] = 1
    assert pairwise_overlap(flat, None, (2.0, 3.0))[0].size_difference == 48.0
    solid = np.zeros((2, 4, 4, 4))
    solid[1, :2] = 1
    assert pairwise_overlap(solid, None, (5.0, 5.0, 5.0))[0].size_difference == pytest.approx(4.0)


def test_a_picture_of_one_slice_is_measured_as_a_picture() -> None:
    masks = np.zeros((2, 1, 12, 12), dtype=np.uint8)
    masks[0, 0, 2:9, 2:9] = 1
    masks[1, 0, 2:9, 3:10] = 1
    (sliced,) = pairwise_overlap(masks, None, (7.0, 1.0, 1.0))
    (flat,) = pairwise_overlap(masks[:, 0], None, (1.0, 1.0))
    assert sliced == flat


def test_only_the_region_of_interest_counts() -> None:
    masks = np.zeros((2, 4, 8))
    masks[0, :, :4] = 1
    masks[1, :, 2:6] = 1
    roi = np.zeros((4, 8))
    roi[:, 2:4] = 1
    (pair,) = pairwise_overlap(masks, roi)
    assert pair.dice == 1.0
    assert pair.hausdorff_mm == 0.0
    assert dice(masks[0], masks[1], roi) == 1.0


def test_a_far_speck_moves_the_hausdorff_distance_and_not_its_95_percent_form() -> None:
    masks = np.zeros((2, 40, 80), dtype=np.uint8)
    masks[:, 5:35, 5:35] = 1
    masks[1, 20, 70] = 1
    (pair,) = pairwise_overlap(masks)
    assert pair.hausdorff_mm == 36.0
    assert pair.hausdorff95_mm == 0.0
