"""What the cataract model is trained on, and how it is judged."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("lightning", reason="the training extra is not installed")

from medai.reports.json_text import json_text
from training.judge_cataract import JudgedEye, figures_of, write_figures
from training.lens_scans import phantom_scans


def _eyes(fractions: list[float], truth: list[float], first_patient: int) -> list[JudgedEye]:
    return [
        JudgedEye(first_patient + k // 2, true > 0, true, found, 0.9, 0.8 if true else np.nan)
        for k, (found, true) in enumerate(zip(fractions, truth, strict=True))
    ]


def test_figures_of_eyes_that_are_told_apart_and_measured_right(tmp_path) -> None:
    true = np.linspace(0.2, 0.7, 20)
    judged = _eyes([0.01, 0.02] * 10, [0.0] * 20, 0) + _eyes(true.tolist(), true.tolist(), 100)
    figures = figures_of(judged, resamples=50)
    assert (figures["eyes"], figures["patients"]) == (40, 20)
    assert figures["AUC"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 40, "groups": 20}
    assert 0.02 <= figures["threshold"] <= 0.2
    assert figures["sensitivity"]["value"] == figures["specificity"]["value"] == 1.0
    assert figures["correlation, cataract eyes"]["value"] == pytest.approx(1.0)
    assert figures["clear mean ± SD"] == "0.015 ± 0.005"
    assert figures["cataract Dice"]["value"] == pytest.approx(0.8)
    assert figures["Mann-Whitney p"] < 1e-6
    json.loads(json_text(figures))
    write_figures(judged, None, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"roc.png", "fractions.png"}


def test_intervals_hold_the_value_and_are_wider_for_fewer_patients() -> None:
    rng = np.random.default_rng(3)

    def eyes(patients: int) -> list[JudgedEye]:
        clear = rng.uniform(0, 0.3, 2 * patients).tolist()
        sick = rng.uniform(0.1, 0.6, 2 * patients).tolist()
        return _eyes(clear, [0.0] * len(clear), 0) + _eyes(sick, sick, 1000)

    widths = []
    for patients in (8, 60):
        area = figures_of(eyes(patients), resamples=200)["AUC"]
        assert area["low"] <= area["value"] <= area["high"]
        widths.append(area["high"] - area["low"])
    assert widths[0] > widths[1]


def test_labels_by_patient_call_the_whole_lens_cataract_and_local_ones_the_opaque_part() -> None:
    local, whole = (
        list(phantom_scans(range(2, 4), 1, 96, labels)) for labels in ("local", "patient")
    )
    assert [scan.patient for scan in local] == [2, 2, 3, 3]
    for a, b in zip(local, whole, strict=True):
        assert np.array_equal(a.pixels, b.pixels)
        assert np.array_equal(a.classes > 0, b.classes > 0)
        if a.diseased:
            assert set(np.unique(b.classes)) == {0, 2}
            assert 0 < np.count_nonzero(a.classes == 2) < np.count_nonzero(b.classes == 2)
        else:
            assert set(np.unique(a.classes)) == set(np.unique(b.classes)) == {0, 1}
