"""``medai batch`` with the models that are shipped, on synthetic studies."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from medai.batch import Batch, read_list, run_batch
from medai.batch.one_study import run_study
from medai.batch.result_rows import columns_of
from medai.images import write_volume
from medai.models import ModelStore
from medai.phantoms import chest_ct
from medai.phantoms.lens_oct import lens_oct
from medai.progress import ignore_progress
from medai.tasks import task_of_command

# Few thick slices: what a batch does is tried here, not what the models are worth.
CHEST = {"shape": (10, 96, 96), "spacing_mm": (29.0, 4.0, 4.0)}


def chest(path: Path) -> None:
    write_volume(chest_ct(**CHEST, seed=3).volume, path)


def eye(path: Path) -> None:
    write_volume(lens_oct((608, 716), scans=2, seed=4).volume, path)


@pytest.mark.parametrize(("task", "write"), [("classify", chest), ("cataract", eye)])
def test_a_batch_gives_what_its_command_gives_and_keeps_it(task, write, tmp_path):
    write(tmp_path / "study one.nrrd")
    (tmp_path / "list.csv").write_text("study,name\nstudy one.nrrd,One\nmissing.nrrd,\n")
    batch = Batch(task, tmp_path / "out", device="cpu")

    def run() -> list[str]:
        listed = read_list(tmp_path / "list.csv", task)
        outcomes = run_batch(batch, listed, lambda r: map(run_study, r), ignore_progress)
        assert outcomes[0].reason == ""
        return [outcome.state for outcome in outcomes]

    assert run() == ["done", "failed"]
    folder = tmp_path / "out" / "studies" / "One"
    file = task_of_command(task).summary_file
    summary = json.loads((folder / file).read_text(encoding="utf-8"))
    model = ModelStore().recommended({"classify": "covid"}.get(task, task))
    assert summary["model"]["id"] == model.id
    assert (folder / "report.html").stat().st_size > 10_000
    with (tmp_path / "out" / "results.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert tuple(row) == columns_of(task) and (row["name"], row["model"]) == ("One", model.id)
    if task == "classify":
        assert float(row["covid_probability"]) == pytest.approx(summary["covid_probability"])
        assert float(row["opacity_percent"]) == summary["severity"]["opacity_percent"]
    else:
        assert float(row["cataract_fraction"]) == summary["eyes"][0]["cataract_fraction"]
    assert run() == ["kept", "failed"]
