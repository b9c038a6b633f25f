"""Terms of models with restricted use on the command line: said, recorded, and heeded."""

from __future__ import annotations

import json

import pytest

from medai.cli import run
from medai.images import write_volume
from medai.models.terms import record_file
from Testing.model_folders import write_model
from Testing.modules.lesion_results import small_phantom


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study, and the user's MedAI folder with a model that may not be used commercially."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("medai.commands.segment.write_scene", lambda *_: None)
    monkeypatch.setattr("medai.reports.lesions.charts_available", lambda: False)
    model = tmp_path / "data" / "MedAI" / "Models" / "light"
    write_model(model, "unet", ("lesion",), in_channels=1, classes=2, width=4)
    rewrite(model, 'weights = "Apache-2.0"', 'weights = "research only"')
    rewrite(model, "commercial_use = true", "commercial_use = false")
    write_volume(small_phantom().volume, tmp_path / "ct.nrrd")
    return tmp_path


def rewrite(model, old, new):
    card = model / "card.toml"
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))


def segment(folder, *options):
    """The exit status of a run on the study."""
    words = ["segment", str(folder / "ct.nrrd"), "--model", "light", "--overwrite"]
    return run([*words, "-o", str(folder / "out"), *options])


def test_a_run_says_the_terms_in_one_line_until_they_are_accepted(folder, capsys):
    assert segment(folder) == 0
    (terms,) = [line for line in capsys.readouterr().err.splitlines() if "commercially" in line]
    assert terms.startswith("light may not be used commercially (weights: research only; data: ")
    assert "medai models accept light, or --accept-licence" in terms
    assert not record_file().exists()
    assert run(["models", "accept", "light"]) == 0
    assert "you accept the terms of light" in capsys.readouterr().out
    assert segment(folder) == 0
    assert "commercially" not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--accept-licence", "--accept-license"])
def test_the_option_records_them_too(folder, capsys, option):
    (folder / "ct.nrrd").unlink()  # the record comes before anything is read
    assert segment(folder, option) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(json.loads(record_file().read_text())) == ["light"]


def test_terms_that_changed_are_refused_until_they_are_accepted_anew(folder, capsys):
    model = folder / "data" / "MedAI" / "Models" / "light"
    assert run(["models", "accept", "light"]) == 0
    rewrite(model, "research only", "teaching only")
    capsys.readouterr()
    assert segment(folder) == 3
    (refusal,) = capsys.readouterr().err.splitlines()
    assert "have changed since you accepted them (weights: teaching only" in refusal
    assert "medai models accept light, or --accept-licence" in refusal
    assert not (folder / "out").exists()
    rows = folder / "list.csv"
    rows.write_text(f"study\n{folder / 'ct.nrrd'}\n")
    batch = ["batch", str(rows), "--task", "segment", "--model", "light", "-o"]
    assert run([*batch, str(folder / "many")]) == 3
    (folder / "ct.nrrd").unlink()
    assert segment(folder, "--accept-licence") == 2
    assert segment(folder) == 2


def test_a_free_model_needs_nothing_and_a_damaged_record_is_none(folder, capsys):
    record_file().write_text("no JSON")
    model = folder / "data" / "MedAI" / "Models" / "light"
    rewrite(model, "commercial_use = false", "commercial_use = true")
    assert run(["models", "accept", "light"]) == 0
    assert "no restrictions" in capsys.readouterr().out
    assert segment(folder) == 0
    assert "commercially" not in capsys.readouterr().err
