"""Diagnostic accuracy against hand-computed values, published intervals and properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from medai.errors import InputError
from medai.measures import diagnostics


def test_auc_counts_pairs_with_ties_as_one_half() -> None:
    # Pairs (diseased, healthy): 0.8>0.1, 0.8>0.4, 0.4>0.1, 0.4=0.4: 3.5 of 4.
    assert diagnostics.auc([1, 1, 0, 0], [0.8, 0.4, 0.1, 0.4]).value == pytest.approx(3.5 / 4)


def test_delong_variance_is_that_of_the_placement_values() -> None:
    labels, scores = [1, 1, 1, 0, 0], [0.9, 0.6, 0.3, 0.5, 0.2]
    # Placements of diseased: 1, 1, 1/2; of healthy (share of diseased above): 2/3, 1.
    area, variance = 5 / 6, (1 / 12) / 3 + (1 / 18) / 2
    found = diagnostics.auc(labels, scores)
    assert found.value == pytest.approx(area)
    assert found.low == pytest.approx(area - 1.959963985 * math.sqrt(variance))
    assert found.high == 1.0
    assert found.n == 5


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=4, max_size=40))
def test_auc_equals_mann_whitney_u_and_the_area_under_the_curve(
    cases: list[tuple[bool, int]],
) -> None:
    labels = np.array([c for c, _ in cases], int)
    scores = np.array([s for _, s in cases], float)
    if labels.min() == labels.max():
        with pytest.raises(InputError, match="expected some of both"):
            diagnostics.auc(labels, scores)
        return
    u = mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    area = diagnostics.auc(labels, scores)
    curve = diagnostics.roc_curve(labels, scores)
    assert area.value == pytest.approx(u / (labels.sum() * (1 - labels).sum()))
    assert area.value == pytest.approx(
        np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    )
    assert area.low <= area.value <= area.high


def test_delong_interval_covers_the_true_area_about_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    true_area, covered = 0.7602, 0  # of normals one standard deviation apart: Phi(1 / sqrt 2)
    for _ in range(400):
        scores = np.concatenate([rng.normal(1, 1, 60), rng.normal(0, 1, 60)])
        found = diagnostics.auc(np.repeat([1, 0], 60), scores)
        covered += found.low <= true_area <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_wilson_interval_has_newcombes_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, Table I.
    for successes, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        found = diagnostics.wilson(successes, n)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert diagnostics.wilson(0, 20).low == 0.0
    assert round(diagnostics.wilson(0, 20).high, 4) == 0.1611
    assert math.isnan(diagnostics.wilson(0, 0).value)


def test_rates_at_a_threshold_are_counted_by_hand() -> None:
    found = diagnostics.rates([1, 1, 1, 0, 0, 0, 0], [0.9, 0.5, 0.2, 0.6, 0.1, 0.0, 0.3], 0.5)
    counts = (found.true_positive, found.false_positive, found.true_negative, found.false_negative)
    assert counts == (2, 1, 3, 1)
    assert found.sensitivity.value == pytest.approx(2 / 3)
    assert found.specificity.value == pytest.approx(3 / 4)
    assert found.precision.value == pytest.approx(2 / 3)
    assert found.accuracy.value == pytest.approx(5 / 7)
    assert found.f1 == pytest.approx(2 / 3)


def test_rates_without_a_diseased_case_have_no_sensitivity() -> None:
    found = diagnostics.rates([0, 0], [0.1, 0.9], 0.5)
    assert math.isnan(found.sensitivity.value)
    assert found.sensitivity.n == 0
    assert found.specificity.value == 0.5


def test_best_threshold_separates_what_can_be_separated() -> None:
    curve = diagnostics.roc_curve([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8])
    assert curve.best_threshold == 0.7
    assert curve.thresholds[0] == math.inf


def test_confusion_matrix_has_truth_in_rows() -> None:
    found = diagnostics.confusion_matrix([0, 1, 2, 2], [0, 2, 2, 1], 3)
    assert found.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1]]


def test_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    found = diagnostics.calibration([0, 1, 1, 1], [0.1, 0.1, 0.9, 1.0], bins=2)
    # Bin 1: mean 0.1, observed 0.5, gap 0.4; bin 2: mean 0.95, observed 1, gap 0.05.
    assert found.ece == pytest.approx(0.5 * 0.4 + 0.5 * 0.05)
    assert found.brier == pytest.approx((0.01 + 0.81 + 0.01 + 0.0) / 4)
    assert found.count.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([1, 0], [0.5], "one of each"),
        ([2, 0], [0.5, 0.1], "Labels other than 0 and 1"),
        ([1, 0], [math.nan, 0.1], "not finite"),
        ([], [], "one of each"),
    ],
)
def test_bad_input_is_refused_in_one_line(labels: list, scores: list, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        diagnostics.auc(labels, scores)
    assert "\n" not in str(caught.value)


def test_two_scores_are_compared_as_by_delongs_covariances() -> None:
    rng = np.random.default_rng(5)
    labels = np.array([1] * 30 + [0] * 40)
    first = labels + rng.normal(0, 1.0, 70)
    second = (0.5 * labels + rng.normal(0, 1.0, 70)).round(1)  # with ties
    placed = []
    for scores in (first, second):
        won = np.subtract.outer(scores[labels == 1], scores[labels == 0])
        psi = (won > 0) + 0.5 * (won == 0)
        placed.append((psi.mean(), psi.mean(axis=1), psi.mean(axis=0)))
    s10 = np.cov(placed[0][1], placed[1][1]) / 30
    s01 = np.cov(placed[0][2], placed[1][2]) / 40
    s = s10 + s01
    error = np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    found = diagnostics.compare_auc(labels, first, second)
    assert found.first.value == pytest.approx(placed[0][0])
    assert found.second.value == pytest.approx(placed[1][0])
    assert found.difference.value == pytest.approx(placed[0][0] - placed[1][0])
    assert found.difference.high - found.difference.value == pytest.approx(1.959964 * error)
    assert found.p == pytest.approx(2 * norm.sf(abs(found.difference.value) / error))


def test_a_score_does_not_differ_from_itself() -> None:
    labels, scores = [0, 1, 0, 1, 1], [0.1, 0.4, 0.5, 0.6, 0.2]
    found = diagnostics.compare_auc(labels, scores, scores)
    assert found.difference.value == 0.0
    assert np.isnan(found.p)
    with pytest.raises(InputError, match="1 diseased and 2 healthy cases"):
        diagnostics.compare_auc([1, 0, 0], [1, 2, 3], [1, 2, 3])
