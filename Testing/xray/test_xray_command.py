"""``medai xray`` with the shipped model: phantoms through, bad input refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from medai import cli
from medai.images import read_segmentation
from medai.phantoms.chest_radiograph import ill_chest, project_chest
from training.segmentation import dice


@pytest.fixture(scope="module")
def phantom():
    return project_chest(ill_chest(), picture_px=384)


@pytest.fixture(scope="module")
def film(phantom, tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "film1.png"
    Image.fromarray((phantom.volume.array[0] // 16).astype(np.uint8)).save(path)
    return path


def refused(capsys, arguments):
    """The one line of a run that ends with bad input."""
    assert cli.run(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()
    return error[-1]


def test_a_film_gives_lungs_opacities_zones_scores_and_files(phantom, film, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["xray", str(film), "-o", str(out), "--reader", "0,2,3,0,0,1", "--json"]
    assert cli.run([*arguments, "--device", "cpu"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "xray.json").read_text("utf-8"))
    (image,) = printed["images"]
    assert image["six_zone_low"] <= image["six_zone_score"] <= image["six_zone_high"]
    assert image["reader_score"] == 6
    assert image["right_opacity_percent"] > image["left_opacity_percent"]
    assert printed["sentence"].startswith("For demonstration only")
    drawn = read_segmentation(out / "film_1.seg.nrrd")
    lungs = (drawn.mask("right lung") | drawn.mask("left lung"))[0]
    assert dice(lungs, phantom.lungs > 0) > 0.8
    assert len((out / "zones.csv").read_text("utf-8").splitlines()) == 7
    assert "Research use only" in (out / "report.html").read_text("utf-8")


def test_the_result_answers_multilobar_infiltrates_for_the_clinical_scores(film, tmp_path, capsys):
    assert cli.run(["xray", str(film), "-o", str(tmp_path / "xray"), "--device", "cpu"]) == 0
    patient = tmp_path / "patient.csv"
    patient.write_text("age\n70\n", encoding="utf-8")
    arguments = ["prognosis", str(patient), "--xray", str(tmp_path / "xray"), "--json"]
    capsys.readouterr()
    assert cli.run([*arguments, "-o", str(tmp_path / "out")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert any("X-ray: opacity in" in note for note in printed["notes"])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_film_is_refused(film, tmp_path, capsys, degrees):
    with Image.open(film) as picture:
        picture.rotate(degrees, expand=True).save(tmp_path / "film1.png")
    line = refused(capsys, ["xray", str(tmp_path / "film1.png"), "-o", str(tmp_path / "out")])
    assert "turned" in line
    assert not (tmp_path / "out").exists()


def test_noise_and_missing_files_and_readers_are_refused(film, tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "film2.png")
    out = ["-o", str(tmp_path / "out")]
    assert "no lungs are seen" in refused(capsys, ["xray", str(tmp_path / "film2.png"), *out])
    assert "none.png" in refused(capsys, ["xray", str(tmp_path / "none.png"), *out])
    line = refused(capsys, ["xray", str(film), *out, "--reader", "1,2"])
    assert "expected six from 0 to 3" in line
    line = refused(capsys, ["xray", str(film), str(film), *out, "--reader", "0,0,0,0,0,0"])
    assert "expected once for each image" in line


def test_two_dates_are_compared(film, tmp_path, capsys):
    healthy = project_chest(ill_chest(0.2), picture_px=384).volume.array[0]
    Image.fromarray((healthy // 16).astype(np.uint8)).save(tmp_path / "film2.png")
    arguments = ["xray", str(tmp_path / "film2.png"), str(film), "-o", str(tmp_path / "out")]
    assert cli.run([*arguments, "--device", "cpu", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    first, last = (image["six_zone_score"] for image in printed["images"])
    assert printed["six_zone_change"] == last - first > 0
    assert f"Six-zone score from first to last: +{last - first}." in printed["sentence"]
    assert any("order is as given" in note for note in printed["notes"])
