"""Lung masks that others made: sides, lobes, one value; told apart by where the labels lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medai.errors import UnsuitableImageError
from medai.images import Volume
from medai.inference.lesions.lungs_of_study import lungs_of_study

SHAPE = (12, 40, 60)
# From the patient's right (column 0) to the left; slices upward.
STUDY = Volume(np.zeros(SHAPE, np.int16), np.diag([-5.0, -5.0, 20.0, 1.0]), "CT", "study")


def mask(*parts: tuple[int, slice, slice]) -> Volume:
    array = np.zeros(SHAPE, np.uint8)
    for label, slices, columns in parts:
        array[slices, 8:32, columns] = label
    return replace(STUDY, array=array, modality="", name="mask")


RIGHT, LEFT, MIDDLE = slice(4, 24), slice(36, 56), slice(26, 34)
LOW, HALF, HIGH = slice(0, 4), slice(4, 8), slice(8, 12)
ALL = slice(0, 12)


def test_three_labels_one_above_another_are_the_lobes_of_the_right_lung():
    given = mask((3, LOW, RIGHT), (2, HALF, RIGHT), (1, HIGH, RIGHT))
    lungs, note = lungs_of_study(STUDY, given)
    assert np.array_equal(lungs, (given.array > 0).astype(np.uint8))
    assert "lobes" in note


def test_a_middle_lobe_in_front_of_the_lower_one_is_a_lobe_still():
    given = mask((3, LOW, RIGHT), (1, HIGH, RIGHT), (2, HALF, slice(10, 24)))
    lungs, note = lungs_of_study(STUDY, given)
    assert set(np.unique(lungs)) == {0, 1} and "lobes" in note


def test_three_labels_side_by_side_are_sides_and_an_unknown_one():
    given = mask((1, ALL, RIGHT), (2, ALL, LEFT), (3, LOW, MIDDLE))
    lungs, note = lungs_of_study(STUDY, given)
    assert np.array_equal(lungs, given.array) and note == ""


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2)])
def test_the_answer_does_not_depend_on_how_the_grid_is_stored(order):
    given = mask((1, ALL, RIGHT), (2, ALL, LEFT), (3, LOW, MIDDLE))
    axes = [2 - axis for axis in order][::-1]
    matrix = STUDY.ijk_to_ras.copy()
    matrix[:, :3] = STUDY.ijk_to_ras[:, axes]
    turned = Volume(
        np.ascontiguousarray(STUDY.array.transpose(order)), matrix, "CT", "turned study"
    )
    labels = replace(turned, array=np.ascontiguousarray(given.array.transpose(order)))
    lungs, note = lungs_of_study(turned, labels)
    assert np.array_equal(lungs, labels.array) and note == ""


def test_five_lobes_are_two_lungs():
    given = mask(
        (1, HIGH, RIGHT), (2, HALF, RIGHT), (3, LOW, RIGHT), (4, HIGH, LEFT), (5, LOW, LEFT)
    )
    lungs, note = lungs_of_study(STUDY, given)
    assert np.array_equal(lungs == 1, np.isin(given.array, (1, 2, 3))) and "lobes" in note
    assert np.array_equal(lungs == 2, np.isin(given.array, (4, 5)))


def test_labels_that_are_neither_are_refused_in_one_line():
    with pytest.raises(UnsuitableImageError, match="2 labels, expected 1 right and 2 left"):
        lungs_of_study(STUDY, mask((1, ALL, RIGHT), (7, ALL, LEFT)))
