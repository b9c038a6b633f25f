"""Severity and its change on synthetic chests of known opacity and growth, with true masks."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from medai.errors import InputError
from medai.measures import lung_zones, measure_lesions
from medai.measures.follow_up import follow_up
from medai.measures.lesions import LesionBurden
from medai.measures.severity import involvement_score, severity
from medai.phantoms import ChestPhantom, chest_ct, chest_with_opacity

CLASSES = ("ground-glass opacity", "consolidation")
SMALL = {"shape": (20, 96, 96), "spacing_mm": (14.0, 3.6, 3.6)}


def true_burden(phantom: ChestPhantom) -> LesionBurden:
    """What a perfect network would make the panel and the command measure."""
    zones = lung_zones(phantom.lungs, phantom.volume)
    probability = (phantom.lesions > 0).astype(np.float16)
    return measure_lesions(phantom.volume, phantom.lesions, zones, probability, CLASSES)[1]


@pytest.mark.parametrize("percent", [0, 5, 10, 20, 40, 60])
def test_the_percentage_of_opacity_is_the_phantoms(percent: int) -> None:
    phantom = chest_with_opacity(percent, **SMALL, seed=percent)
    severe = severity(true_burden(phantom), phantom.lesions)
    assert severe.opacity_percent == pytest.approx(percent, abs=0.1)
    assert severe.right_opacity_percent == pytest.approx(percent, abs=0.1)
    assert severe.left_opacity_percent == pytest.approx(percent, abs=0.1)
    by_zone = list(severe.zone_opacity_percent.values())
    # Zones are thirds by volume, cut between slices that are thick here.
    assert np.mean(by_zone) == pytest.approx(percent, abs=1.0)
    scores = [involvement_score(value) for value in by_zone]
    assert severe.zone_score == sum(score for score in scores if score is not None)


@pytest.mark.parametrize("growth", [1.2, 0.8])
def test_lesions_that_grow_are_reported_to_have_grown(growth: float) -> None:
    first = chest_ct(**SMALL, seed=7)
    second = chest_ct(**SMALL, seed=7, growth=growth)
    change = follow_up(
        true_burden(first),
        true_burden(second),
        earlier_date=date(2026, 3, 1),
        later_date=date(2026, 3, 8),
    )
    expected = 100.0 * (growth - 1.0)
    assert change.lesion_volume_change_percent == pytest.approx(expected, abs=0.5)
    points = 7.35 * (growth - 1.0)
    assert change.opacity_change_points == pytest.approx(points, abs=0.05)
    assert change.lung_volume_change_percent == 0.0
    assert change.warnings == ()


def test_a_grown_lesion_holds_what_it_had_and_all_else_stays() -> None:
    first = chest_ct(**SMALL, seed=8)
    grown = chest_ct(**SMALL, seed=8, growth=1.5)
    shrunk = chest_ct(**SMALL, seed=8, growth=0.5)
    before = first.lesions > 0
    assert (grown.lesions[before] == first.lesions[before]).all()
    assert before[shrunk.lesions > 0].all()
    np.testing.assert_array_equal(grown.lungs, first.lungs)
    # The scanner's blur reaches two pixels from a changed voxel, and no farther.
    far = np.count_nonzero(grown.volume.array != first.volume.array)
    assert far < 8 * np.count_nonzero((grown.lesions > 0) & ~before)


def test_growth_that_can_not_be_is_refused() -> None:
    with pytest.raises(InputError, match="grow to 0"):
        chest_ct(**SMALL, growth=0)
    with pytest.raises(InputError, match=r"No room for a .* to grow to 90\.00 times"):
        chest_ct(**SMALL, growth=90)
