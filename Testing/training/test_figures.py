"""The papers' figures are drawn on what is given, and say on what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.errors import TrainingDataError
from training import figures


def drawn(folder: Path, *arguments: str) -> str:
    given = figures.parser().parse_args([*arguments, "-o", str(folder)])
    file, where = figures.draw(given)
    width, height = Image.open(file).size
    assert min(width, height) > 300
    return where


def test_every_figure_that_is_asked_for_is_there() -> None:
    assert {paper: tuple(numbers) for paper, numbers in figures.FIGURES.items()} == {
        "s2": ("1", "2", "3"),
        "shah": ("4", "5"),
        "cataract": ("1", "2"),
        "eczema": ("1", "2", "S4"),
    }
    given = figures.parser().parse_args(["shah", "9"])
    with pytest.raises(TrainingDataError, match="Figure 9 of shah, expected 4 or 5"):
        figures.draw(given)


def test_confusion_matrices_of_your_runs_stand_below_the_papers(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "covid_vgg16_paper_second"
    run.mkdir(parents=True)
    (run / "judged.json").write_text(
        json.dumps(
            {
                "n": 4,
                "confusion matrix": [[1, 0], [1, 2]],
                "measures": {"accuracy": {"value": 0.75}},
            }
        ),
        encoding="utf-8",
    )
    where = drawn(tmp_path, "shah", "4", "--runs", str(tmp_path / "runs"))
    assert "1 of 6 networks judged" in where
    assert "your judged runs" in drawn(tmp_path, "shah", "5", "--runs", str(tmp_path / "runs"))


def test_dice_curves_are_those_of_the_runs_log(tmp_path: Path) -> None:
    log = tmp_path / "run" / "logs" / "csv"
    log.mkdir(parents=True)
    names = [
        f"{part} {kind} dice" for part in ("train", "test") for kind in ("normal lens", "cataract")
    ]
    lines = [",".join(["step", "loss", *names])]
    lines += [f"{step},0.5,,,," for step in range(3)]
    lines += [f"{step},,0.8,0.7,0.6,0.{step}" for step in (3, 7)]
    (log / "metrics.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "2 epochs" in drawn(tmp_path, "cataract", "1", "--run", str(tmp_path / "run"))
    with pytest.raises(TrainingDataError, match="expected the log of a training run"):
        drawn(tmp_path, "cataract", "1", "--run", str(tmp_path / "absent"))


def test_roc_curves_are_drawn_of_both_sets(tmp_path: Path) -> None:
    for name, shift in (("validation", 0.1), ("development", 0.4)):
        eyes = [
            {"diseased": k > 4, "cataract_fraction": 0.05 * k + shift * (k > 4)} for k in range(10)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps({"each": eyes}), encoding="utf-8")
    where = drawn(
        tmp_path, "cataract", "2", "--judged", str(tmp_path / "validation.json"),
        "--development", str(tmp_path / "development.json"),
    )  # fmt: skip
    assert where == "development: 10 eyes; validation: 10 eyes"


def test_raters_outlines_and_their_agreement_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        folder = tmp_path / "raters" / f"image {number}"
        folder.mkdir(parents=True)
        truth = np.zeros((40, 40), bool)
        truth[8 : 20 + 4 * number, 10:30] = True
        for rater in ("a", "b", "c"):
            mask = truth ^ (rng.random(truth.shape) < 0.04 * (number + 1))
            Image.fromarray(255 * mask.astype(np.uint8)).save(folder / f"{rater}.png")
    for figure in ("1", "2", "S4"):
        where = drawn(tmp_path, "eczema", figure, "--raters", str(tmp_path / "raters"))
        assert "4 images" in where
