"""Average precision of single pictures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.average_precision import SingleLesions, average_precisions, image_average_precision


def boxes(*rows: tuple[int, int], labels: list[int] | None = None, scores=None) -> SingleLesions:
    """Lesions as runs of columns [start, stop) in a picture of one row of 20."""
    masks = np.zeros((len(rows), 1, 20), bool)
    for mask, (start, stop) in zip(masks, rows, strict=True):
        mask[0, start:stop] = True
    given = np.ones(len(rows), np.int64) if labels is None else np.array(labels, np.int64)
    return SingleLesions(masks, given, None if scores is None else np.array(scores, np.float32))


def test_a_miss_between_two_hits_costs_the_second_half_a_third() -> None:
    truth = boxes((0, 4), (10, 14))
    found = boxes((10, 14), (5, 8), (0, 4), scores=[0.9, 0.85, 0.8])
    # Hit, miss, hit: precision 1 up to recall 1/2, then 2/3 up to recall 1.
    assert image_average_precision(found, truth, [0.5]) == pytest.approx([0.5 * 1 + 0.5 * 2 / 3])


def test_the_order_is_that_of_the_scores() -> None:
    truth = boxes((0, 4))
    late = boxes((8, 12), (0, 4), scores=[0.9, 0.8])
    early = boxes((8, 12), (0, 4), scores=[0.8, 0.9])
    assert image_average_precision(late, truth, [0.5]) == pytest.approx([0.5])
    assert image_average_precision(early, truth, [0.5]) == pytest.approx([1.0])


def test_overlap_must_exceed_the_threshold_and_the_class_must_fit() -> None:
    truth = boxes((0, 4))
    half = boxes((0, 8), scores=[0.9])
    assert image_average_precision(half, truth, [0.49, 0.5]) == [1.0, 0.0]
    other = boxes((0, 4), labels=[2], scores=[0.9])
    assert image_average_precision(other, truth, [0.5]) == [0.0]


def test_pictures_without_lesions_count_by_whether_something_was_found() -> None:
    nothing = boxes(scores=[])
    assert image_average_precision(nothing, boxes(), [0.5]) == [1.0]
    assert image_average_precision(nothing, boxes((0, 4)), [0.5]) == [0.0]
    assert image_average_precision(boxes((0, 4), scores=[0.9]), boxes(), [0.5]) == [0.0]


def test_only_sure_regions_count_in_the_papers_figure_and_all_in_cocos() -> None:
    truths = [boxes((0, 4)), boxes((10, 14))]
    found = [boxes((0, 4), scores=[0.9]), boxes((10, 14), scores=[0.5])]
    values = average_precisions(found, truths, ["a", "b"], resamples=0)
    assert values["AP@0.5"].value == pytest.approx(1.0, abs=0.01)
    assert values["AP@0.5, per image, scores ≥ 0.75"].value == 0.5
    assert values["mAP[.5:.95], per image, scores ≥ 0.75"].value == 0.5
