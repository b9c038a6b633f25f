"""Severity scores by hand-computed values."""

import math

import numpy as np
import pytest

from medai.errors import GeometryError, InputError
from medai.measures.lesions import LesionBurden
from medai.measures.severity import LOBE_NAMES, ct_score, involvement_score, severity
from medai.measures.zones import ZONE_NAMES


def burden_with(zone_percent: list[float]) -> LesionBurden:
    """Six zones of 100 mL lung each, with the given share of lesion."""
    names = ZONE_NAMES[1:]
    lesion_ml = dict(zip(names, zone_percent, strict=True))
    right, left = sum(zone_percent[:3]), sum(zone_percent[3:])
    return LesionBurden(
        lung_volume_ml=600.0,
        right_lung_volume_ml=300.0,
        left_lung_volume_ml=300.0,
        lesion_volume_ml=right + left,
        class_volume_ml={"lesion": right + left},
        opacity_percent=(right + left) / 6,
        right_opacity_percent=right / 3,
        left_opacity_percent=left / 3,
        zone_lung_volume_ml=dict.fromkeys(names, 100.0),
        zone_lesion_volume_ml=lesion_ml,
        zone_opacity_percent=lesion_ml,
        high_opacity_percent=1.5,
        lesion_count=3,
    )


@pytest.mark.parametrize(
    ("percent", "score"),
    [(0, 0), (0.49, 0), (0.5, 1), (25, 1), (25.49, 1), (25.5, 2), (50, 2), (51, 3), (76, 4)],
)
def test_involvement_follows_the_published_classes(percent: float, score: int) -> None:
    assert involvement_score(percent) == score


def test_the_zone_score_is_the_sum_over_six_zones() -> None:
    result = severity(burden_with([0.0, 10.0, 30.0, 0.2, 60.0, 90.0]))
    assert list(result.zone_scores.values()) == [0, 1, 2, 0, 3, 4]
    assert result.zone_score == 10
    assert result.opacity_percent == pytest.approx(190.2 / 6)
    assert result.high_opacity_percent == 1.5
    assert result.lung_severity_score is None
    assert result.lobe_scores is None


def test_a_zone_out_of_view_leaves_the_total_unknown() -> None:
    result = severity(burden_with([10.0, 10.0, 10.0, math.nan, 10.0, 10.0]))
    assert result.zone_scores["left upper"] is None
    assert result.zone_score is None


def test_the_lung_severity_score_is_the_sum_over_five_lobes() -> None:
    lobes = np.repeat(np.arange(1, 6, dtype=np.uint8), 100).reshape(5, 10, 10)
    lesions = np.zeros_like(lobes)
    for lobe, percent in enumerate((0, 25, 26, 75, 76)):
        lesions[lobe].ravel()[:percent] = 1
    result = severity(burden_with([10.0] * 6), lesions, lobes)
    assert result.lobe_opacity_percent == dict(
        zip(LOBE_NAMES, (0.0, 25.0, 26.0, 75.0, 76.0), strict=True)
    )
    assert result.lobe_scores == dict(zip(LOBE_NAMES, (0, 1, 2, 3, 4), strict=True))
    assert result.lung_severity_score == 10
    assert list((result.lobe_ct_scores or {}).values()) == [0, 2, 3, 4, 5]
    assert result.ct_severity_score == 14


@pytest.mark.parametrize(
    ("percent", "score"),
    [
        (0, 0), (0.49, 0), (0.5, 1), (4.4, 1), (4.5, 2), (25.4, 2), (25.5, 3), (49.4, 3),
        (49.5, 4), (75.4, 4), (75.5, 5), (100, 5), (math.nan, None),
    ],
)  # fmt: skip
def test_the_ct_score_of_a_lobe_follows_the_published_classes(percent, score) -> None:
    assert ct_score(percent) == score


def test_a_missing_lobe_leaves_the_lung_severity_score_unknown() -> None:
    lobes = np.ones((2, 2, 2), np.uint8)
    result = severity(burden_with([10.0] * 6), np.zeros((2, 2, 2)), lobes)
    assert result.lung_severity_score is None
    assert result.ct_severity_score is None
    assert result.lobe_opacity_percent is not None
    assert math.isnan(result.lobe_opacity_percent["left lower"])


def test_lobes_that_do_not_fit_are_refused_in_one_line() -> None:
    burden = burden_with([10.0] * 6)
    with pytest.raises(GeometryError, match=r"\(1, 2, 2\), expected the lesions' grid \(2, 2, 2\)"):
        severity(burden, np.zeros((2, 2, 2)), np.ones((1, 2, 2), np.uint8))
    with pytest.raises(InputError, match="labels from 6 to 6, expected 0 to 5"):
        severity(burden, np.zeros((2, 2, 2)), np.full((2, 2, 2), 6, np.uint8))
    with pytest.raises(InputError, match="without lesions"):
        severity(burden, None, np.ones((2, 2, 2), np.uint8))
