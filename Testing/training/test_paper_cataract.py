"""OCT folders as S5 describes its set: trained with its recipe, judged, graded, repeated."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.errors import InputError, TrainingDataError
from medai.images.crop_box import centered_crop
from medai.phantoms.lens_oct import lens_patient
from Testing.training.published_sets import CONFIGS
from training import cataract, judge_cataract, oct_cohort
from training.config import read_config
from training.lens_scans import crop_box
from training.oct_cohort import age_and_acuity, grading, measure_repeats, read_patients

SHORT = ["epochs=1", "steps_per_epoch=2", "accelerator=cpu", "threads=1", "width=8", "size=64"]


def oct_set(folder: Path, patients: int = 10, scans: int = 1) -> Path:
    """``scans/<patient>/<eye>/*.png`` with label maps beside, whole lenses labelled by patient."""
    for number in range(patients):
        sick = number % 2 == 1
        pair = lens_patient(number, cataract=sick, shape=(228, 269), scans=scans)
        for eye, phantom in zip(("OD", "OS"), pair, strict=True):
            for kind, pixels in (
                ("scans", phantom.volume.array),
                ("labels", phantom.lens.astype(np.uint8) * (2 if sick else 1)),
            ):
                target = folder / kind / f"P{number:02d}" / eye
                target.mkdir(parents=True)
                for k, scan in enumerate(pixels):
                    Image.fromarray(scan).save(target / f"scan {k + 1}.png")
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return oct_set(tmp_path_factory.mktemp("oct"))


def settings_of(folder: Path, *more: str) -> cataract.CataractSettings:
    keys = [f"folder={folder / 'scans'}", f"label_folder={folder / 'labels'}", *SHORT, *more]
    return read_config(cataract.CataractSettings, CONFIGS / "cataract_paper.toml", keys)


def test_the_recipe_is_the_papers() -> None:
    settings = read_config(cataract.CataractSettings, CONFIGS / "cataract_paper.toml")
    assert (settings.momentum, settings.mean, settings.std) == (0.0, 0.0, 1.0)
    assert (settings.crop, settings.optimizer, settings.learning_rate) == ("fixed", "sgd", 1e-3)
    assert (settings.epochs, settings.labels, settings.loss) == (21, "patient", "cross_entropy")


def test_fixed_coordinates_are_the_same_in_every_scan() -> None:
    scans = np.zeros((2, 228, 269), np.uint8)
    scans[1, 60:200, 20:120] = 200
    assert {crop_box(scan, "fixed") for scan in scans} == {centered_crop((228, 269))}
    with pytest.raises(TrainingDataError, match="crop = 'left', expected one of lens, fixed"):
        crop_box(scans[0], "left")


def test_oct_folders_are_understood_trained_and_judged(scans: Path, tmp_path: Path) -> None:
    settings = settings_of(scans, f"output={tmp_path / 'run'}")
    said = cataract.check(settings)
    assert (said["images"], said["patients"], said["eyes"]) == (20, 10, 20)
    assert said["test"]["patients"] == 2
    assert said["pixels"]["cataract"] > 0
    cataract.train(settings)
    judged = cataract.judge(settings)
    assert (judged["n"], judged["patients"]) == (4, 2)
    assert set(judged["Dice"]) == set(cataract.CLASSES)


def test_the_run_ends_once_every_class_is_satisfactory(scans: Path, tmp_path: Path) -> None:
    for least, epochs in (("1e-9", 1), ("1.0", 2)):
        output = tmp_path / least
        keys = [f"output={output}", "epochs=2", f"satisfactory_dice={least}"]
        keys += ["optimizer=adamw", "steps_per_epoch=40", "learning_rate=1e-2"]
        cataract.train(settings_of(scans, *keys))
        lines = (output / "logs" / "csv" / "metrics.csv").read_text().splitlines()
        column = lines[0].split(",").index("test cataract dice")
        assert sum(bool(line.split(",")[column]) for line in lines[1:]) == epochs


def table(folder: Path, text: str) -> Path:
    (folder / "patients.csv").write_text(text, encoding="utf-8")
    return folder / "patients.csv"


def test_the_table_of_patients_is_read_strictly(tmp_path: Path) -> None:
    (row,) = read_patients(table(tmp_path, "patient,cataract,age,eye\nP1,1,70,OD\n"))
    assert (row.patient, row.cataract, row.age, row.eye) == ("P1", True, 70.0, "right")
    assert math.isnan(row.logmar)
    for text, words in (
        ("patient,age\nP1,3\n", "the column cataract is missing"),
        ("patient,cataract\nP1,yes\n", r"patients\.csv, row 2: cataract is 'yes', expected 0 or 1"),
        ("patient,cataract,age\nP1,1,-3\n", "age is '-3', expected a number from 0 to 120"),
        ("patient,cataract\nP1,1\nP1,0\n", "P1 is there twice"),
    ):
        with pytest.raises(TrainingDataError, match=words):
            read_patients(table(tmp_path, text))


def test_age_and_acuity_are_tested_between_the_sets(tmp_path: Path) -> None:
    lines = ["patient,cataract,age,logmar,set"]
    for number in range(40):
        part, sick = ("development", "validation")[number % 2], number // 20
        lines.append(f"P{number},{sick},{30 + number % 2 * 20 + number // 4},{sick * 0.3},{part}")
    found = age_and_acuity(read_patients(table(tmp_path, "\n".join(lines) + "\n")))
    assert found["age, clear lens"]["development"]["n"] == 10
    assert found["age, clear lens"]["Mann-Whitney p between sets"] < 0.01
    assert found["logMAR BCVA, cataract"]["validation"]["mean ± SD"] == "0.300 ± 0.000"


class FakeScans:
    """A stand-in for a model: the cataract fraction is half the first pixel's grey, in percent."""

    @staticmethod
    def measured(model: object, eye: object) -> object:
        from medai.measures.cataract import measure_eye, measure_scan

        scans = []
        for name, pixels in zip(eye.names, eye.volume.array, strict=True):
            lens = np.zeros(pixels.shape, bool)
            lens[:100] = True
            opaque = np.zeros(pixels.shape, bool)
            opaque[: int(pixels[0, 0]) // 2] = True
            scans.append(measure_scan(name, pixels, lens, opaque))
        return measure_eye(eye.label, scans)


def clinical_set(folder: Path) -> tuple[Path, Path]:
    """Twelve eyes of six patients whose fraction a fake model reads off the first pixel."""
    lines = ["patient,cataract,grade"]
    for number in range(6):
        sick = number % 2
        lines.append(f"P{number},{sick},{sick * (1 + number // 2)}")
        for eye in ("OD", "OS"):
            target = folder / "scans" / f"P{number}" / eye
            target.mkdir(parents=True)
            pixels = np.zeros((200, 200), np.uint8)
            pixels[40:160, 60:140] = 20 + 20 * number  # dense with number: not only cataract
            pixels[0, 0] = 100 * sick + 10 * number
            Image.fromarray(pixels).save(target / "scan1.png")
    return folder / "scans", table(folder, "\n".join(lines) + "\n")


def test_a_clinical_set_is_judged_as_the_paper_judged(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(oct_cohort, "_measured", FakeScans.measured)
    folder, patients = clinical_set(tmp_path)
    eyes = oct_cohort.measure_cohort(None, folder, read_patients(patients))
    assert [eye.eye for eye in eyes[:2]] == ["right", "left"]
    figures = judge_cataract.figures_of(judge_cataract.judged_eyes(eyes), resamples=20)
    assert (figures["eyes"], figures["patients"]) == (12, 6)
    assert figures["AUC"]["value"] == 1.0
    assert "lens Dice" not in figures
    against = figures["AUC against average lens density"]
    assert against["first"]["value"] == 1.0
    assert against["difference"]["value"] == pytest.approx(1 - against["second"]["value"])
    graded = grading(eyes)
    assert graded is not None
    assert graded["Spearman's rho"] > 0.8
    assert list(graded["cataract fraction by grade"]) == ["0", "1", "2", "3"]
    assert json.dumps(figures)
    (folder / "P9" / "OD").mkdir(parents=True)
    with pytest.raises(TrainingDataError, match=r"P9, right eye, of .* has no row in the table"):
        oct_cohort.measure_cohort(None, folder, read_patients(patients))
    with pytest.raises(InputError, match="Eye 'both'"):
        (folder / "P9" / "OD").rename(folder / "P9" / "both")
        oct_cohort.measure_cohort(None, folder, read_patients(patients))


def test_repeated_visits_give_repeatability(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(oct_cohort, "_measured", FakeScans.measured)
    for patient, greys in (("A", (40, 44)), ("B", (120, 124)), ("C", (200,))):
        for visit, grey in enumerate(greys):
            target = tmp_path / patient / "OD" / f"visit {visit}"
            target.mkdir(parents=True)
            pixels = np.zeros((200, 200), np.uint8)
            pixels[40:100, 60:140] = 30
            pixels[0, 0] = grey
            Image.fromarray(pixels).save(target / "scan1.png")
    found = measure_repeats(None, tmp_path)
    assert (found["eyes"], found["repeats"], found["eyes left out"]) == (2, 2, 1)
    # Fractions 0.20, 0.22 and 0.60, 0.62: within variance 0.0002.
    assert found["within_std"] == pytest.approx(math.sqrt(0.0002))
    assert found["cataract fractions"]["B right"] == pytest.approx([0.60, 0.62])
