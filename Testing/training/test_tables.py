"""The papers' tables beside ours: every row says on what data it was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medai.errors import TrainingDataError
from training import tables


def shah_rows(cards):
    return tables.shah_rows(cards, Path("absent.json"))


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (tables.lesion_rows, 24),
        (tables.mask_net_rows, 16),
        (shah_rows, 6),
        (tables.cataract_rows, 3),
    ],
)
def test_without_models_every_row_says_why_there_is_no_figure(rows, count: int) -> None:
    made = rows([])
    assert len(made) == count
    assert all(row.ours == "–" and row.our_data for row in made)
    assert all(row.paper_data for row in made)


def test_rows_of_the_cncb_set_say_that_it_is_needed() -> None:
    assert {row.our_data for row in tables.lesion_rows([])} == {tables.NEEDS_CNCB}


def test_the_text_has_one_line_per_row_and_a_head() -> None:
    lines = tables.as_text(shah_rows([])).splitlines()
    assert len(lines) == 7
    assert lines[0].split() == ["paper", "paper's", "data", "here", "our", "data"]
    assert "0.9452" in lines[2]


def judged(folder: Path, name: str, **measures: float) -> None:
    (folder / name).mkdir(parents=True)
    values = {key.replace("_", " "): value for key, value in measures.items()}
    content = {
        "n": 4,
        "measures": {k: {"value": v, "low": 0.0, "high": 1.0, "n": 4} for k, v in values.items()},
        "confusion matrix": [[1, 0], [1, 2]],
        "training_minutes": 12.5,
    }
    (folder / name / "judged.json").write_text(json.dumps(content), encoding="utf-8")


def test_your_own_judged_runs_stand_in_the_tables(tmp_path: Path) -> None:
    measure = f"AP@0.5, {tables.PAPER_NAME}"
    judged(tmp_path, "lesions_r18_t1_paper", **{measure: 0.51})
    judged(tmp_path, "covid_mask_net_r18_t1_paper", **{"accuracy": 0.9, "sensitivity, CP": 0.8})
    judged(tmp_path, "covid_vgg16_paper_second", accuracy=0.75)
    ours = {row.what: row.ours for row in tables.lesion_rows([], tmp_path)}
    assert ours["R18-T1 AP@0.5"].startswith("0.5100 (")
    assert ours["R18-T2 AP@0.5"] == "–"
    ours = {row.what: row.ours for row in tables.mask_net_rows([], tmp_path)}
    assert ours["R18-T1 accuracy"].startswith("0.9000 (")
    ours = {row.what: row.ours for row in tables.class_rows(tmp_path)}
    assert ours["R18-T1 sensitivity, pneumonia"].startswith("0.8000 (")
    times = tables.time_rows(tables.LESION_MINUTES, "lesions", tmp_path)
    assert {row.what: row.ours for row in times}["R18-T1 training, min"] == "12.5"
    ours = {row.what: row.ours for row in tables.shah_rows([], Path("absent"), tmp_path)}
    assert ours["VGG-16"].startswith("0.7500 (")
    matrix = next(row for row in tables.shah_stage_rows(tmp_path) if "VGG-16, matrix" in row.what)
    # Of three with COVID-19 two were found, of one without none was called so.
    assert matrix.ours == "2 1 / 0 1"
    assert matrix.paper.endswith("= 0.8904")


def test_the_papers_contradictions_stand_in_its_notes() -> None:
    hits, missed, false, right = tables.SHAH_MATRICES["ResNet-50"]
    assert (hits + right) / (hits + missed + false + right) == pytest.approx(0.9315, abs=1e-4)
    assert "93.15 %" in tables.NOTES["shah"][0]
    assert set(tables.NOTES) == set(tables.TABLES)


def test_a_judged_clinical_set_stands_beside_both_of_the_papers(tmp_path: Path) -> None:
    file = tmp_path / "judged.json"
    file.write_text(
        json.dumps(
            {
                "data": "scans",
                "measures": {
                    "eyes": 12,
                    "AUC": {"value": 0.97, "low": 0.9, "high": 1.0, "n": 12},
                    "clear mean ± SD": "0.030 ± 0.010",
                    "D'Agostino-Pearson p (clear)": 0.012,
                },
                "patients": {"age, cataract": {"all": {"n": 3, "mean ± SD": "71.000 ± 2.000"}}},
            }
        ),
        encoding="utf-8",
    )
    found = tables.read_judged(file)
    ours = {row.what: row.ours for row in tables.cataract_rows([], found)}
    assert ours["AUC"].startswith("0.9700 (")
    rows = tables.development_rows(found)
    assert any(r.ours == "0.030 ± 0.010" and r.paper == "0.024 ± 0.077" for r in rows)
    assert any(r.paper == "0.625 ± 0.236" and r.paper_data == "development set" for r in rows)
    assert any("71.000 ± 2.000" in r.ours for r in rows)
    file.write_text("[]", encoding="utf-8")
    with pytest.raises(TrainingDataError, match=r"is no judged\.json"):
        tables.read_judged(file)
