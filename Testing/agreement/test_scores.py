"""Scores in long tables: coefficients by hand and by definition, gaps, items, repeats, reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medai.agreement import classical_icc, cohen_kappa, fleiss_kappa, gwet_ac, krippendorff_alpha
from medai.agreement.score_icc import score_iccs
from medai.agreement.scores import ScoreTable, score_agreement
from medai.agreement.weighted_kappa import weighted_kappas
from medai.cli import run
from medai.errors import CancelledError, RatingError, StudyError
from medai.reports.score_figures import limits_figure
from medai.reports.write import write
from medai.studies.score_table import read_scores
from medai.tasks import part, task_named, task_of_result

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 4, 40)
SCORES = np.clip(TRUTH + RANDOM.integers(-1, 2, (3, 40)), 0, 3).astype(float)


def table_of(values: np.ndarray, level="ordinal", categories=(0.0, 1.0, 2.0, 3.0)) -> ScoreTable:
    raters = tuple("abcdef"[: len(values)])
    units = values.shape[1]
    return ScoreTable(
        values, raters, tuple(f"{k}" for k in range(units)), ("",) * units,
        np.full_like(values, np.nan), categories, level,
    )  # fmt: skip


@pytest.mark.parametrize("weights", ["identity", "linear", "quadratic"])
def test_the_coefficients_are_those_of_the_single_functions(weights) -> None:
    found = weighted_kappas(SCORES[:2], [0, 1, 2, 3], weights)
    assert found["cohen"] == pytest.approx(cohen_kappa(SCORES[0], SCORES[1], weights))
    assert found["gwet"] == pytest.approx(gwet_ac(SCORES[:2], weights))
    if weights == "identity":
        three = weighted_kappas(SCORES, [0, 1, 2, 3])
        assert three["fleiss"] == pytest.approx(fleiss_kappa(SCORES))
        pairs = [cohen_kappa(SCORES[a], SCORES[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        assert three["light"] == pytest.approx(np.mean(pairs))


def test_conger_of_two_raters_is_cohens_kappa() -> None:
    found = weighted_kappas(SCORES[:2], [0, 1, 2, 3], "quadratic")
    assert found["conger"] == pytest.approx(found["cohen"])


def test_a_category_that_never_occurs_counts_when_it_is_declared() -> None:
    two = [[0, 0, 1, 1, 0], [0, 1, 1, 1, 0]]
    assert weighted_kappas(two, [0, 1])["brennan_prediger"] == pytest.approx(2 * 0.8 - 1)
    assert weighted_kappas(two, [0, 1, 2])["brennan_prediger"] == pytest.approx((0.8 - 1 / 3) * 1.5)
    with pytest.raises(RatingError, match="none of the declared"):
        weighted_kappas(two, [0, 2])


def test_alpha_icc_and_limits_are_their_definitions() -> None:
    result = score_agreement(table_of(SCORES))
    alpha = result.coefficient("all", "alpha")
    assert alpha["value"] == pytest.approx(krippendorff_alpha(SCORES, "ordinal"))
    assert alpha["low"] < alpha["value"] < alpha["high"]
    # The jackknife by hand.
    left = [krippendorff_alpha(np.delete(SCORES, k, axis=1), "ordinal") for k in range(40)]
    assert alpha["se"] == pytest.approx(np.sqrt(39 / 40 * ((left - np.mean(left)) ** 2).sum()))
    icc = {row["kind"]: row["icc"] for row in result.icc_rows}
    assert icc["ICC2"] == pytest.approx(classical_icc(SCORES.T)[1].icc)
    row = result.limits_rows[0]
    difference = SCORES[1] - SCORES[0]
    assert row["upper_limit"] == pytest.approx(difference.mean() + 1.96 * difference.std(ddof=1))
    assert row["minimal_detectable_change"] == pytest.approx(1.96 * np.sqrt(2) * row["sem"])


def test_missing_scores_go_to_the_mixed_model() -> None:
    values = SCORES.copy()
    values[2, :5] = np.nan
    kinds = {row["kind"]: row["icc"] for row in score_agreement(table_of(values)).icc_rows}
    complete = {row.kind: row.icc for row in classical_icc(SCORES.T)}
    found = kinds["agreement (REML)"]
    assert found == pytest.approx(complete["ICC2"], abs=0.08)


def write_table(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_command_writes_items_repeats_and_a_report(tmp_path: Path) -> None:
    lines = ["image,rater,item,score,repeat"]
    for k in range(20):
        for rater in range(2):
            for item in ("left", "right"):
                lines.append(f"{k},r{rater},{item},{int(SCORES[rater, k])},1")
        lines.append(f"{k},r0,left,{int(SCORES[2, k])},2")
    path = write_table(tmp_path / "scores.csv", lines)
    assert run(["agree", str(path), "-o", str(tmp_path / "out"), "--categories", "0,1,2,3"]) == 0
    summary = json.loads((tmp_path / "out/agreement.json").read_text())
    assert summary["level"] == "ordinal"
    assert {row["item"] for row in summary["coefficients"]} == {"left", "right", "all"}
    assert summary["repeats"][0]["units"] == 20
    assert summary["sentence"].split(" alpha ")[1] in (tmp_path / "out/report.html").read_text()
    assert (tmp_path / "out/limits_of_agreement.csv").is_file()


def test_words_are_nominal_unless_their_order_is_declared(tmp_path: Path) -> None:
    lines = ["image,rater,score", "1,a,low", "1,b,high", "2,a,normal", "2,b,normal"]
    path = write_table(tmp_path / "s.csv", lines)
    assert read_scores(path).level == "nominal"
    found = read_scores(path, categories=("low", "normal", "high"))
    assert (found.level, found.categories) == ("ordinal", (0.0, 1.0, 2.0))
    assert found.values.tolist() == [[0.0, 1.0], [2.0, 1.0]]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["image,score", "1,2"], "no column 'rater'"),
        (["image,rater,score", "1,a,2", "1,a,3"], "line 3: a second score of 1 by a"),
        (["image,rater,score"], "holds no score"),
    ],
)
def test_a_wrong_table_is_one_plain_line(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        read_scores(write_table(tmp_path / "s.csv", lines))


def test_icc_with_missing_scores_is_near_the_truth_and_its_interval_holds_it() -> None:
    random = np.random.default_rng(3)
    units, raters = 150, 4
    values = (
        2.0 * random.standard_normal(units)
        + 0.7 * random.standard_normal((raters, 1))
        + random.standard_normal((raters, units))
    )
    values[random.random(values.shape) < 0.2] = np.nan
    rows = {row["kind"]: row for row in score_iccs(values)}
    consistency = rows["consistency (REML)"]
    assert consistency["icc"] == pytest.approx(4.0 / 5.0, abs=0.05)
    assert consistency["low"] < 4.0 / 5.0 < consistency["high"]
    agreement = rows["agreement (REML)"]
    assert agreement["low"] < agreement["icc"] < agreement["high"]
    one, many = (
        rows[f"consistency{words} (REML)"]["icc"] for words in ("", ", mean of all raters")
    )
    # Spearman and Brown's formula.
    assert many == pytest.approx(raters * one / (1 + (raters - 1) * one))


def test_scores_are_a_part_of_the_task_that_a_batch_can_read(tmp_path: Path) -> None:
    lines = ["image,rater,score"]
    lines += [f"{k},r{rater},{int(SCORES[rater, k])}" for k in range(20) for rater in range(3)]
    path = write_table(tmp_path / "s.csv", lines)
    task = task_named("agreement")
    table, options = part(task.read)(path, {"categories": "0,1,2,3"}, "s", "cpu")
    said = []
    result = part(task.run)(table, None, options, said.append, lambda: False)
    assert task_of_result(result) is task
    assert said[0].message == "Comparing the scores of all"
    write(result, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / task.summary_file).read_text())
    (row,) = part(task.results).records(summary)
    assert (row["images"], row["raters"]) == (20, 3)
    assert row["krippendorff_alpha"] == pytest.approx(krippendorff_alpha(SCORES[:, :20], "ordinal"))
    with pytest.raises(CancelledError):
        part(task.run)(table, None, options, said.append, lambda: True)


def test_missing_and_lone_scores_are_said(tmp_path: Path) -> None:
    lines = ["image,rater,score", "1,a,1", "1,b,2", "2,a,0", "2,b,0", "3,a,1"]
    result = score_agreement(read_scores(write_table(tmp_path / "s.csv", lines)))
    assert result.notes[0] == "1 of 6 scores are missing."
    assert result.notes[1].startswith("1 of 3 images and items have fewer than two scores")


def test_options_of_scores_are_refused_for_outlines(tmp_path: Path, capsys) -> None:
    (tmp_path / "masks").mkdir()
    arguments = [
        "agree",
        str(tmp_path / "masks"),
        "-o",
        str(tmp_path / "out"),
        "--level",
        "ordinal",
    ]
    assert run(arguments) == 2
    assert "of tables of scores" in capsys.readouterr().err


def test_a_table_that_would_unfold_beyond_memory_is_refused(tmp_path: Path) -> None:
    lines = ["image,rater,score", *(f"i{k},r{k},1" for k in range(5000))]
    with pytest.raises(StudyError, match="5000 raters of 5000 images"):
        read_scores(write_table(tmp_path / "s.csv", lines))
    far = ["image,rater,score", "1,a,0", "1,b,1000000000", "2,a,0", "2,b,0"]
    assert read_scores(write_table(tmp_path / "f.csv", far)).categories == (0.0, 1e9)


def test_whole_dots_are_drawn_at_both_ends_of_the_limits_figure() -> None:
    result = score_agreement(table_of(SCORES))
    figure = limits_figure(result, result.limits_rows[0])
    figure.canvas.draw()
    (axes,), (dots,) = figure.axes, figure.axes[0].collections[:1]
    radii = np.sqrt(dots.get_sizes() / np.pi) * figure.dpi / 72
    places = axes.transData.transform(dots.get_offsets())
    box = axes.get_window_extent()
    assert (places[:, 0] - radii >= box.x0).all()
    assert (places[:, 0] + radii <= box.x1).all()
