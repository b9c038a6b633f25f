"""Lesions matched one to one: every number drawn by hand on a line of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from medai.agreement import ImageRatings
from medai.agreement.lesion_agreement import jackknifed_ratio, lesion_agreement
from medai.agreement.lesion_matching import image_lesions, lesion_labels, overlapping_lesions
from medai.errors import RatingError


def line(*spans: tuple[int, int], length: int = 60) -> np.ndarray:
    """A picture of one row in which these spans are marked."""
    mask = np.zeros((1, length), dtype=np.uint8)
    for start, end in spans:
        mask[0, start:end] = 1
    return mask


def rated(*masks: np.ndarray, name: str = "image", roi=None) -> ImageRatings:
    return ImageRatings(name, np.stack(masks), tuple("abcdef"[: len(masks)]), roi)


def test_parts_that_touch_at_a_corner_are_one_lesion_inside_the_region():
    mask = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    assert lesion_labels(mask)[1] == 2
    assert lesion_labels(np.stack([mask, np.roll(mask, 1, 1)]))[1] == 2
    region = np.array([[1, 0, 1, 1, 1]] * 3)
    assert lesion_labels(mask, region)[1] == 2
    assert lesion_labels(mask, np.zeros_like(mask))[1] == 0


def test_the_iou_of_each_overlapping_pair_is_counted_by_hand():
    first, _ = lesion_labels(line((0, 10), (20, 30)))
    second, _ = lesion_labels(line((5, 15), (24, 27), (40, 50)))
    pairs = overlapping_lesions(first, second)
    # 5 of 15 units; 3 of 10.
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 0), (1, 1)]
    assert pairs.iou.tolist() == [5 / 15, 3 / 10]


def test_the_best_assignment_is_taken_not_the_closest_pair_first():
    # The large ones have 12 of 28; each overlaps also a small one of the other with 7 of 20.
    first, _ = lesion_labels(line((0, 7), (8, 28)))
    second, _ = lesion_labels(line((0, 20), (21, 28)))
    overlapping = overlapping_lesions(first, second)
    pairs = overlapping.matched(0.1)
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 0), (1, 1)]
    assert pairs.iou.tolist() == [7 / 20, 7 / 20]
    alone = overlapping.matched(0.4)
    assert (alone.first.tolist(), alone.second.tolist()) == ([1], [0])


def test_one_lesion_split_in_two_by_another_rater_is_found_once():
    image = image_lesions(rated(line((0, 20)), line((0, 8), (9, 20))))
    assert image.lesions.tolist() == [1, 2]
    # 11 of 20 is the better half: 2 · 1 / (1 + 2).
    assert image.f1(0.5) == pytest.approx(2 / 3)
    assert image.found_by[0.5].tolist() == [1, 1]


def test_how_many_raters_found_a_lesion_is_counted_over_distinct_lesions():
    # A lesion of all three, one of a and b, one of c alone.
    image = image_lesions(
        rated(line((0, 10), (20, 30)), line((0, 10), (20, 29)), line((1, 10), (40, 45)))
    )
    for threshold in (0.1, 0.3, 0.5):
        assert image.found_by[threshold].tolist() == [1, 1, 1]
    # Pairs: ab 2 of 4, ac 1 of 4, bc 1 of 4 lesions: 2 · 4 / 12.
    assert image.f1(0.5) == pytest.approx(8 / 12)


def test_a_chain_of_lesions_never_holds_two_of_one_rater():
    # b's lesion overlaps both of a's and c's; a and c split it differently.
    image = image_lesions(rated(line((0, 10), (11, 20)), line((0, 20)), line((5, 16))))
    # b–c 11 of 20; a's first with b 10 of 20; a's second with c 5 of 15.
    counts = image.found_by[0.1]
    assert counts.tolist() == [1, 0, 1]
    assert (counts * [1, 2, 3]).sum() == image.lesions.sum()


def test_same_lesions_with_other_borders_and_other_lesions_are_told_apart():
    shifted = [rated(line((0, 10), (30, 40)), line((5, 15), (35, 45)), name=str(k)) for k in "12"]
    result = lesion_agreement(shifted)
    assert (result.f1(0.1), result.f1(0.3), result.f1(0.5)) == (1.0, 1.0, 0.0)
    assert result.sentence.startswith("Raters mark the same lesions, but draw different borders")
    same = lesion_agreement([rated(line((0, 10)), line((0, 9)))])
    assert same.sentence.startswith("Raters mark the same lesions with much the same borders")
    other = lesion_agreement([rated(line((0, 10), (20, 30)), line((0, 10), (40, 50)))])
    assert other.f1(0.1) == 0.5
    assert other.sentence.startswith(
        "Raters mark different lesions; those they share have much the same borders: positive "
        "agreement (F1) is 0.50"
    )
    apart = lesion_agreement([rated(line((0, 10)), line((30, 40)))])
    assert apart.sentence.startswith(
        "Raters mark different lesions: positive agreement (F1) is 0.00"
    )
    assert lesion_agreement([rated(line(), line())]).sentence.startswith("Nobody marked a lesion")


def test_pooled_agreement_its_error_and_the_pairs_are_sums_over_images():
    images = [
        rated(line((0, 10)), line((0, 10)), name="1"),
        rated(line((0, 10), (20, 30)), line((0, 10)), name="2"),
        rated(line((0, 10)), line((30, 40)), name="3"),
        rated(line(), line(), name="4"),
    ]
    result = lesion_agreement(images)
    # Matched 1, 1, 0; lesions of both 2, 3, 2.
    assert result.f1(0.5) == pytest.approx(2 * 2 / 7)
    row = result.summary_rows[-1]
    left = np.array([2 / 5, 2 / 4, 4 / 5])
    assert row["se"] == pytest.approx(np.sqrt(2 / 3 * ((left - left.mean()) ** 2).sum()))
    pair = result.pair_rows[-1]
    assert (pair["first_lesions"], pair["second_lesions"], pair["matched"]) == (4, 3, 2)
    assert [row["lesions"] for row in result.found_rows[-2:]] == [3, 2]
    assert [row["share"] for row in result.found_rows[-2:]] == [3 / 5, 2 / 5]
    assert np.isnan(result.image_rows[-1]["f1"])


def test_models_and_images_of_one_rater_take_no_part():
    images = [rated(line((0, 9)), line((0, 9)), line()), rated(line((0, 9)))]
    result = lesion_agreement(images, leave_out=("c",))
    assert result.f1(0.5) == 1.0
    assert result.summary_rows[0]["images"] == 1
    with pytest.raises(RatingError, match="No image with two raters"):
        lesion_agreement(images[1:])


def test_a_ratio_of_one_image_has_no_interval():
    assert np.isnan(jackknifed_ratio(np.array([1.0]), np.array([2.0]))[1:]).all()
