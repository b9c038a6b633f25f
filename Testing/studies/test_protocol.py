"""study.toml: written and read back, and what is wrong with it said in one line."""

from dataclasses import replace
from pathlib import Path

import pytest

from medai.errors import StudyError
from medai.studies import Label, Protocol, StudyImage, open_study
from medai.studies.protocol import read_protocol, write_protocol

PROTOCOL = Protocol(
    id="0123456789abcdef",
    title='Dr. "X"\'s study\nsecond line',
    labels=(Label("lesion", (1.0, 0.0, 0.2), "a~b~c"), Label("cyst", (0.0, 0.4, 1.0))),
    raters=("AB", "Müller"),
    images=(
        StudyImage("one", "images/one.nrrd", "00", "regions/one.seg.nrrd", "11"),
        StudyImage("two", "images/two.png", "22", covariates={"region": "arm", "severity": 3.5}),
        StudyImage(
            "train", "images/t.png", "33", reference="references/t.seg.nrrd", reference_sha256="44"
        ),
    ),
    instructions="Outline what you see.",
    repeat_share=0.25,
    seed=7,
    time_limit_seconds=300.0,
    show_predictions=True,
)


def test_a_protocol_reads_back_equal(tmp_path: Path) -> None:
    write_protocol(PROTOCOL, tmp_path)
    assert read_protocol(tmp_path) == PROTOCOL


def test_an_image_with_a_reference_trains(tmp_path: Path) -> None:
    assert [image.is_training for image in PROTOCOL.images] == [False, False, True]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("format = 2", "format = 4", "newer MedAI.*update"),
        ("format = 2\n", "", "'format' is missing"),
        ("seed = 7", "seed = 'x'", "'seed' is 'x', expected a whole number"),
        ("seed = 7", "seed = = 7", "damaged"),
        ("repeat_share = 0.25", "repeat_share = 1.5", "repeat_share is 1.5"),
        ('file = "images/one.nrrd"', 'file = "../secret.nrrd"', "outside the study"),
        ('file = "images/one.nrrd"', 'file = "/etc/passwd"', "outside the study"),
        ('file = "images/one.nrrd"', 'file = "C:\\\\x.nrrd"', "outside the study"),
        ('color = "#ff0033"', 'color = "red"', "'#rrggbb'"),
        ('name = "two"', 'name = "ONE"', "share the name"),
        ('raters = ["AB", "Müller"]', "raters = []", "no raters"),
        ('raters = ["AB", "Müller"]', "raters = [1]", "expected text"),
    ],
)
def test_a_wrong_study_file_is_refused_in_one_line(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    write_protocol(PROTOCOL, tmp_path)
    file = tmp_path / "study.toml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(StudyError, match=message) as error:
        open_study(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_study_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"holds no study\.toml"):
        open_study(tmp_path)
    with pytest.raises(StudyError, match=r"holds no study\.toml"):
        open_study(tmp_path / "missing")


def test_a_study_without_images_or_labels_is_refused() -> None:
    with pytest.raises(StudyError, match="no images"):
        replace(PROTOCOL, images=())
    with pytest.raises(StudyError, match="no labels"):
        replace(PROTOCOL, labels=())


def test_an_unknown_rater_is_told_who_there_is() -> None:
    with pytest.raises(StudyError, match=r"Unknown rater 'ZZ'.*AB, Müller"):
        PROTOCOL.require_rater("ZZ")
