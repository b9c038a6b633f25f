"""What ``reports.write`` makes of a lesion segmentation."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medai import reports
from medai.errors import OutputError
from medai.images import read_segmentation, read_volume
from medai.inference import LesionOptions, LesionResult
from medai.measures import burden_sentence
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result


@pytest.fixture
def result(tmp_path: Path) -> LesionResult:
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"})
    phantom = small_phantom()
    options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
    volume = replace(phantom.volume, name="Doe^John 1950")
    return truth_result(phantom, store.card("light"), options, volume)


def test_the_files_hold_the_result(result: LesionResult, tmp_path: Path) -> None:
    out = reports.write(result, tmp_path / "out")
    segmentation = read_segmentation(out / "lesions.seg.nrrd")
    np.testing.assert_array_equal(segmentation.mask("lesion"), result.lesions == 1)
    np.testing.assert_array_equal(segmentation.mask("right lung"), result.lungs == 1)
    np.testing.assert_array_equal(segmentation.mask("left lung"), result.lungs == 2)
    np.testing.assert_allclose(segmentation.ijk_to_ras, result.volume.ijk_to_ras, atol=1e-6)
    assert all(segment.terminology for segment in segmentation.segments)
    probability = read_volume(out / "probability.nrrd")
    np.testing.assert_allclose(probability.array, result.probability.astype(float), atol=1e-6)
    with (out / "lesions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["volume_ml"]) for row in rows] == [f.volume_ml for f in result.findings]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["sentence"] == burden_sentence(result.burden)
    assert summary["burden"]["opacity_percent"] == result.burden.opacity_percent
    page = (out / "report.html").read_text()
    assert burden_sentence(result.burden) in page


def test_no_patient_name_is_written(result: LesionResult, tmp_path: Path) -> None:
    out = reports.write(result, tmp_path / "out")
    for path in out.iterdir():
        assert b"Doe^John" not in path.read_bytes(), path.name
        assert "Doe" not in path.name


def test_a_result_is_not_overwritten_unasked(result: LesionResult, tmp_path: Path) -> None:
    out = reports.write(result, tmp_path / "out")
    before = (out / "summary.json").read_bytes()
    with pytest.raises(OutputError, match="already holds files"):
        reports.write(replace(result, lesions=np.zeros_like(result.lesions)), out)
    assert (out / "summary.json").read_bytes() == before


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not a result"):
        reports.write("text", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_plotting_library_the_page_says_so(
    result: LesionResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medai.reports.lesions.charts_available", lambda: False)
    page = (reports.write(result, tmp_path / "out") / "report.html").read_text()
    assert "matplotlib is not installed" in page
