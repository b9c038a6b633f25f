"""``medai study`` from the command line."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from medai.commands.study import app
from medai.errors import StudyError
from medai.studies import Remarks, open_study, phantom_study, start_session


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def pictures(folder: Path, names: Sequence[str]) -> Path:
    from PIL import Image

    folder.mkdir()
    for number, name in enumerate(names):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(folder / f"{name}.png")
    return folder


def test_a_study_is_made_followed_checked_and_exported(tmp_path: Path) -> None:
    images = pictures(tmp_path / "in", ["a", "b", "c", "d"])
    table = tmp_path / "table.csv"
    table.write_text("image,severity\na,1\nb,2\n")
    folder = tmp_path / "study"
    said = run(
        *("create", folder, images, "--raters", "AB, CD", "--labels", "lesion,cyst"),
        *("--repeat", 0.5, "--seed", 3, "--covariates", table, "--instructions", "Look well."),
        "--keep-names",
    )
    assert said == f"Made {folder}: 4 images for AB, CD.\n"
    study = open_study(folder)
    assert [label.name for label in study.protocol.labels] == ["lesion", "cyst"]
    assert study.protocol.image("b").covariates == {"severity": 2.0}
    from medai.images import read_volume

    volume = read_volume(study.image_path("a"))
    start_session(study, "AB", "a", 1, volume).submit({}, Remarks())
    status = json.loads(run("status", folder, "--json"))
    assert status["raters"][0] | {"active_seconds": 0} == {
        "rater": "AB",
        "cases": 6,
        "submitted": 1,
        "skipped": 0,
        "unfinished": 0,
        "active_seconds": 0,
        "warnings": [],
    }
    assert "   1 of 6 submitted" in run("status", folder)
    assert run("check", folder) == "The study is sound: 4 images, 1 submissions checked.\n"
    assert "Exported 1 masks of 1 images" in run("export", folder, "-o", tmp_path / "out")


def test_check_names_each_finding_and_ends_with_2(tmp_path: Path) -> None:
    study = phantom_study(tmp_path / "study", images=2)
    image = study.image_path("photo-01")
    image.write_bytes(image.read_bytes()[:-1] + b"x")
    (study.folder / "images" / "stray.nrrd").write_text("x")
    done = CliRunner().invoke(app, ["check", str(study.folder)])
    assert done.exit_code == 2
    assert "altered: Image 'photo-01' was altered" in done.stderr
    assert "orphaned: images/stray.nrrd" in done.stderr
    assert "2 of the study's files need attention" in done.stdout


def test_crops_become_a_study(tmp_path: Path) -> None:
    archive = tmp_path / "crops.npz"
    np.savez(
        archive,
        images=np.zeros((2, 8, 8), np.uint8),
        masks=np.ones((2, 3, 8, 8), np.uint8),
    )
    said = run("import", tmp_path / "study", archive)
    assert said.endswith("2 images, 6 outlines of reader 1, reader 2, reader 3.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "missing"], r"holds no study\.toml"),
        (["create", "new", "missing.png", "--raters", "AB"], r"missing\.png doesn't exist"),
        (["create", "new", ".", "--raters", " , "], "no raters"),
        (["create", "new", ".", "--raters", "AB,ab"], "share the name"),
        (["import", "new", "missing.npz"], "NumPy archive"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(pictures(tmp_path / "in", ["a"]))
    with pytest.raises(StudyError, match=message) as error:
        run(*arguments)
    assert "\n" not in str(error.value)
    assert not Path("new").exists()


def test_exporting_an_unused_study_says_there_is_nothing(tmp_path: Path) -> None:
    study = phantom_study(tmp_path / "study", images=1, submitted=False)
    with pytest.raises(StudyError, match="no submissions yet"):
        run("export", study.folder, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()
