"""Two dates of one patient."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from medai.errors import InputError, UnsuitableImageError
from medai.images import Volume, to_axial
from medai.measures.follow_up import follow_up, lung_box_transform
from medai.measures.lesions import LesionBurden
from medai.measures.zones import ZONE_NAMES

NAMES = ZONE_NAMES[1:]
BEFORE = LesionBurden(
    lung_volume_ml=4000.0,
    right_lung_volume_ml=2200.0,
    left_lung_volume_ml=1800.0,
    lesion_volume_ml=200.0,
    class_volume_ml={"lesion": 200.0},
    opacity_percent=5.0,
    right_opacity_percent=6.0,
    left_opacity_percent=3.8,
    zone_lung_volume_ml=dict.fromkeys(NAMES, 666.0),
    zone_lesion_volume_ml=dict.fromkeys(NAMES, 33.0),
    zone_opacity_percent=dict.fromkeys(NAMES, 5.0),
    high_opacity_percent=1.0,
    lesion_count=4,
)
AFTER = replace(
    BEFORE,
    lesion_volume_ml=240.0,
    opacity_percent=6.0,
    zone_opacity_percent=dict.fromkeys(NAMES, 30.0),
    high_opacity_percent=1.4,
)


def test_changes_are_later_minus_earlier() -> None:
    change = follow_up(BEFORE, AFTER, earlier_date=date(2026, 1, 30), later_date=date(2026, 2, 10))
    assert change.days == 11
    assert change.lesion_volume_change_ml == 40.0
    assert change.lesion_volume_change_percent == pytest.approx(20.0)
    assert change.opacity_change_points == pytest.approx(1.0)
    assert change.high_opacity_change_points == pytest.approx(0.4)
    assert change.zone_opacity_change_points["left lower"] == 25.0
    assert change.zone_score_change == 6
    assert change.warnings == ()
    assert (
        change.sentence == "Opacity 6.0 % in the later study, 5.0 % 11 days earlier: +1.0 points."
    )


def test_a_decrease_reads_with_a_minus_sign() -> None:
    assert follow_up(AFTER, BEFORE).sentence.endswith("6.0 % in the earlier study: −1.0 points.")


def test_swapped_dates_are_refused() -> None:
    with pytest.raises(InputError, match="dated 11 days before the first study"):
        follow_up(BEFORE, AFTER, earlier_date=date(2026, 2, 10), later_date=date(2026, 1, 30))


def test_lungs_of_another_size_warn() -> None:
    other = replace(AFTER, lung_volume_ml=5700.0)
    assert any("differ by 42 %" in text for text in follow_up(BEFORE, other).warnings)
    same = replace(AFTER, lung_volume_ml=5500.0)
    assert not any("differ by" in text for text in follow_up(BEFORE, same).warnings)


def test_growth_from_nothing_has_no_percentage() -> None:
    clear = replace(BEFORE, lesion_volume_ml=0.0, opacity_percent=0.0)
    change = follow_up(clear, AFTER)
    assert math.isnan(change.lesion_volume_change_percent)
    assert change.lesion_volume_change_ml == 240.0


def axial_with_box(spacing: tuple[float, float, float], low: int, high: int):
    lungs = np.zeros((12, 12, 12), np.uint8)
    lungs[low:high, low:high, low:high] = 1
    matrix = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    return to_axial(Volume(lungs, matrix, "CT", "box")), lungs


def test_lung_boxes_are_laid_onto_each_other() -> None:
    earlier, earlier_lungs = axial_with_box((2.0, 1.0, 1.0), 2, 8)
    later, later_lungs = axial_with_box((1.0, 1.0, 1.0), 4, 10)
    matrix = lung_box_transform(earlier, earlier_lungs, later, later_lungs)
    # Borders of the later box, z 3.5 and 9.5, onto the earlier one's, z 1.5 and 7.5 at 2 mm.
    corner = matrix @ np.append(later.ras_of(np.array([3.5, 3.5, 3.5])), 1.0)
    np.testing.assert_allclose(corner[:3], earlier.ras_of(np.array([1.5, 1.5, 1.5])))
    corner = matrix @ np.append(later.ras_of(np.array([9.5, 9.5, 9.5])), 1.0)
    np.testing.assert_allclose(corner[:3], earlier.ras_of(np.array([7.5, 7.5, 7.5])))


def test_no_lung_gives_no_side_by_side() -> None:
    earlier, lungs = axial_with_box((1.0, 1.0, 1.0), 2, 8)
    with pytest.raises(UnsuitableImageError, match="No lung"):
        lung_box_transform(earlier, lungs, earlier, np.zeros_like(lungs))
