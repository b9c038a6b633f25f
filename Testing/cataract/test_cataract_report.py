"""The folder that a cataract map is written into, and the command that writes it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai import cli
from medai.errors import OutputError
from medai.inference.cataract.mapping import map_cataract
from medai.models import ModelStore
from medai.reports.cataract import overlay, summary_of
from medai.reports.write import write
from Testing.cataract.cards import write_card
from Testing.modules.cataract_results import SCANS, small_eyes, small_scans, truth_result


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("models")
    write_card(folder, "small", recommended=True, threshold=0.2)
    from medai.inference.cataract.result import CataractOptions

    card = ModelStore([folder]).card("small")
    return truth_result(small_scans(), card, CataractOptions())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_everything_is_written(result, tmp_path: Path) -> None:
    folder = write(result, tmp_path / "out")
    scans = _rows(folder / "scans.csv")
    assert [row["eye"] for row in scans] == ["Right eye"] * SCANS + ["Left eye"] * SCANS
    truth = np.concatenate([eye.fractions for eye in small_eyes().values()])
    assert [float(row["cataract_fraction"]) for row in scans] == pytest.approx(truth.tolist())
    assert all((folder / row["overlay"]).is_file() for row in scans)
    eyes = _rows(folder / "eyes.csv")
    assert float(eyes[0]["cataract_fraction"]) == pytest.approx(truth[:SCANS].mean())
    assert eyes[0]["mostly"] == "nuclear"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Right eye: cataract fraction" in page
    assert "Research use only" in page
    assert "phantoms only" in page
    data = json.loads((folder / "cataract.json").read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(data | {"use": "research only"}))
    assert data["options"]["threshold"] == 0.2
    with pytest.raises(OutputError):
        write(result, folder)


def test_overlays_are_full_size_and_untouched_away_from_the_lens(result) -> None:
    for eye in result.eyes:
        for k, (grey, lens) in enumerate(zip(eye.scans.volume.array, eye.lens, strict=True)):
            picture = overlay(eye, k)
            assert picture.shape == (*grey.shape, 3)
            away = ~lens
            assert np.array_equal(picture[away], np.repeat(grey[away][:, None], 3, axis=1))
    right = overlay(result.eyes[0], 0)
    opaque = result.eyes[0].cataract[0]
    assert (np.ptp(right[opaque].astype(int), axis=1) > 20).mean() > 0.9


def test_the_summary_has_units_in_its_names_and_no_nan(result) -> None:
    summary = summary_of(result)
    assert {"lens_area_px", "lens_area_mm2", "average_lens_density"} <= set(summary["scans"][0])
    assert summary["scans"][0]["lens_area_mm2"] == pytest.approx(
        summary["scans"][0]["lens_area_px"] * 14 / 228 * 16 / 269
    )


@pytest.fixture
def folder_of_scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for word, eye in zip(("OD", "OS"), small_eyes().values(), strict=True):
        for k, pixels in enumerate(eye.volume.array):
            Image.fromarray(pixels).save(folder / f"{word}_{k}.png")
    return folder


@pytest.fixture
def grey_store(grey_model, monkeypatch: pytest.MonkeyPatch):
    """The grey-level model in place of the shipped ones."""
    model = grey_model(275)
    monkeypatch.setattr(ModelStore, "recommended", lambda store, task: model.card)
    # It is a network in memory: no weights lie on the disk to be compared.
    monkeypatch.setattr(ModelStore, "verify", lambda store, model_id: None)
    monkeypatch.setattr(ModelStore, "load", lambda store, model_id, task=None: model)
    return model


def test_the_command_maps_a_folder_of_both_eyes(
    folder_of_scans: Path, grey_store, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out"
    arguments = ["cataract", str(folder_of_scans), "-o", str(output), "--device", "cpu"]
    assert cli.run([*arguments, "--spacing-um", "61.4", "59.5", "--json"]) == 0
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert [eye["eye"] for eye in summary["eyes"]] == ["Right eye", "Left eye"]
    assert summary["scans"][0]["lens_area_mm2"] > 0
    assert "It only knows grey levels." in said.err
    assert (output / "report.html").is_file()
    expected = map_cataract(small_scans(), grey_store)
    assert summary["eyes"][0]["cataract_fraction"] == pytest.approx(
        expected.eyes[0].summary.cataract_fraction, abs=1e-6
    )
    assert cli.run(arguments) == 2
    assert cli.run([*arguments, "--overwrite", "--threshold", "0.9"]) == 0
    assert "0.9: consistent with a clear lens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--crop", "0,0,400,100"], "outside the picture"),
        (["--crop", "somewhere"], "expected lens, center or left,top,right,bottom"),
        (["--eye", "third"], "expected right or left"),
        (["--eye", "right"], "given as the right eye"),
        (["--threshold", "2"], "expected a fraction from 0 to 1"),
        (["--spacing-um", "0", "5"], "axial × transverse"),
    ],
)
def test_bad_choices_are_one_line_and_leave_nothing_behind(
    folder_of_scans: Path,
    grey_store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    extra: list[str],
    words: str,
) -> None:
    output = tmp_path / "out"
    assert cli.run(["cataract", str(folder_of_scans), "-o", str(output), *extra]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.strip().count("\n") == 0
    assert not output.exists()


@pytest.mark.parametrize(
    ("save", "words"),
    [
        (lambda path: None, "holds no scans"),
        (
            lambda path: Image.new("RGB", (200, 160), (150, 60, 30)).save(path / "OD.png"),
            "color picture",
        ),
        (lambda path: Image.new("L", (200, 160), 255).save(path / "OD.png"), "same value 255"),
        (lambda path: (path / "OD.png").write_bytes(b"not a picture"), "OD.png"),
    ],
)
def test_bad_inputs_are_one_line(
    tmp_path: Path, grey_store, capsys: pytest.CaptureFixture, save, words: str
) -> None:
    (tmp_path / "in").mkdir()
    save(tmp_path / "in")
    assert cli.run(["cataract", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.strip().count("\n") == 0
    assert not (tmp_path / "out").exists()
