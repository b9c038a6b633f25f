"""Bad input of every kind, for every command: one line, the right exit status, nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medai.cli import run
from Testing.commands.bad_inputs import make_bad_inputs

OUT = "-o out"
# What is typed in the folder of bad inputs, exit status, and words that the one line says.
CASES = (
    # segment: what is no study
    (f"segment gone.nrrd {OUT}", 2, "gone.nrrd doesn't exist"),
    (f"segment empty {OUT}", 2, "the folder is empty"),
    (f"segment text.nrrd {OUT}", 2, "text.nrrd"),
    (f"segment cut.nrrd {OUT}", 2, "cut.nrrd"),
    (f"segment cut.nii.gz {OUT}", 2, "cut.nii.gz"),
    (f"segment four.nii {OUT}", 2, "four.nii"),
    (f"segment chest.mha {OUT}", 2, "chest.mha"),
    (f"segment photo.png {OUT}", 2, "expected"),
    (f"segment slice.png {OUT}", 2, "expected"),
    (f"segment black.nrrd {OUT}", 2, "the same value 0 everywhere"),
    (f"segment two.nrrd {OUT}", 2, "expected a CT study"),
    (f"segment windowed.nrrd {OUT}", 2, "expected"),
    (f"segment belly.nrrd {OUT}", 2, "no lungs found"),
    (f"segment holes.nrrd {OUT}", 2, "holes.nrrd"),
    (f"segment magnetic {OUT}", 2, "modality MR"),
    (f"segment damaged {OUT}", 2, "the file ends early"),
    (f"segment gap {OUT}", 2, "slices"),
    (f"segment series --series 9.9.9 {OUT}", 2, "9.9.9"),
    (f"segment file.txt {OUT}", 2, "file.txt"),
    # segment: masks, outputs, options
    (f"segment chest.nrrd --lungs gone.nrrd {OUT}", 2, "gone.nrrd doesn't exist"),
    (f"segment chest.nrrd --lungs shorter.nrrd {OUT}", 2, "expected the grid of"),
    (f"segment chest.nrrd --lungs nothing.nrrd {OUT}", 2, "is empty, expected lungs"),
    (f"segment chest.nrrd --lungs seven.nrrd {OUT}", 2, "has 7 labels"),
    ("segment chest.nrrd -o file.txt", 2, "it is a file, expected a folder"),
    ("segment chest.nrrd -o occupied", 2, "already holds files"),
    ("segment chest.nrrd -o file.txt/out", 2, "part of the path is a file"),
    ("segment chest.nrrd", 2, "--output"),
    (f"segment {OUT}", 2, "study"),
    (f"segment chest.nrrd extra.nrrd {OUT}", 2, "extra"),
    (f"segment chest.nrrd --colour red {OUT}", 2, "--colour"),
    (f"segment chest.nrrd --score-threshold high {OUT}", 2, "--score-threshold"),
    (f"segment chest.nrrd --model gone {OUT}", 3, "No model named 'gone'"),
    # measure
    (f"measure chest.nrrd --lesions gone.nrrd {OUT}", 2, "gone.nrrd"),
    (f"measure chest.nrrd --lesions far.nrrd {OUT}", 2, "lies outside"),
    (f"measure chest.nrrd --lesions many.nrrd {OUT}", 2, "at most 255"),
    (f"measure chest.nrrd --lesions letter.seg.nrrd {OUT}", 2, "letter.seg.nrrd"),
    (f"measure chest.nrrd {OUT}", 2, "--lesions"),
    # classify
    (f"classify photo.png {OUT}", 2, "is a color picture"),
    (f"classify cut.png {OUT}", 2, "cut.png"),
    (f"classify black.png {OUT}", 2, "does not look like a chest CT slice"),
    (f"classify tiny.png {OUT}", 2, "10 × 10 pixels"),
    (f"classify chest.nrrd --prior slice.png {OUT}", 2, "slice.png"),
    (f"classify chest.nrrd --date yesterday {OUT}", 2, "expected a date like"),
    (f"classify chest.nrrd --prior chest.nrrd --no-severity {OUT}", 2, "--no-severity"),
    (f"classify chest.nrrd chest.nii.gz --prior chest.nrrd {OUT}", 2, "belong to one study"),
    (f"classify chest.nrrd --truth no-columns.csv {OUT}", 2, "needs the columns study and label"),
    (f"classify chest.nrrd --truth no-label.csv {OUT}", 2, "no label 0 or 1"),
    (f"classify chest.nrrd --truth gone.csv {OUT}", 2, "gone.csv"),
    (f"classify chest.nrrd --lobes shorter.nrrd {OUT}", 2, "Lobes of shape"),
    (f"xray slice.png --names initials {OUT}", 2, "initials"),
    ("xray slice.png", 2, "--output"),
    # cataract
    (f"cataract empty {OUT}", 2, "empty"),
    (f"cataract gone.png {OUT}", 2, "gone.png"),
    (f"cataract slice.png --eyes eyes.csv {OUT}", 2, "eyes.csv"),
    (f"cataract slice.png --eye third {OUT}", 2, "'third'"),
    (f"cataract slice.png --crop 9,9,3,3 {OUT}", 2, "9,9,3,3"),
    (f"cataract slice.png --crop 0,0,5000,5000 {OUT}", 2, "5000"),
    (f"cataract slice.png --spacing-um -1 7 {OUT}", 2, "-1"),
    # agree
    (f"agree gone {OUT}", 2, "gone"),
    (f"agree empty {OUT}", 2, "empty"),
    (f"agree alone {OUT}", 2, "rater"),
    (f"agree differ {OUT}", 2, "case"),
    (f"agree no-columns.csv {OUT}", 2, "no-columns.csv"),
    (f"agree scores-twice.csv {OUT}", 2, "AB"),
    (f"agree scores-one.csv {OUT}", 2, "rater"),
    # batch
    (f"batch gone.csv --task segment {OUT}", 2, "gone.csv"),
    (f"batch no-study.csv --task segment {OUT}", 2, "study"),
    (f"batch no-rows.csv --task segment {OUT}", 2, "no-rows.csv"),
    (f"batch unknown-column.csv --task segment {OUT}", 2, "colour"),
    (f"batch twice.csv --task segment {OUT}", 2, "twice"),
    (f"batch binary.csv --task segment {OUT}", 2, "binary.csv"),
    (f"batch no-rows.csv --task paint {OUT}", 2, "paint"),
    (f"batch no-rows.csv --task segment --workers 0 {OUT}", 2, "--workers"),
    # prognosis, models, study
    (f"prognosis patient.csv {OUT}", 2, "patient.csv"),
    (f"prognosis gone.csv {OUT}", 2, "gone.csv"),
    ("models show gone", 3, "No model named 'gone'"),
    ("models add text.pt --card gone.toml", 3, "gone.toml is missing"),
    ("models add model/weights.pt --card half.toml", 3, "licence, training, performance"),
    ("models add model/weights.pt --card hash.toml", 3, "SHA-256"),
    (f"models import code.pt --as unet --id mine --licence MIT {OUT}", 3, "code.pt"),
    (f"models import model/weights.pt --as brain --id mine --licence MIT {OUT}", 2, "brain"),
    ("study create occupied slice.png --raters AB", 2, "occupied"),
    ("study create out gone.png --raters AB", 2, "gone.png"),
    ("study create out slice.png --raters AB --repeat 7", 2, "7"),
    ("study status empty", 2, "empty"),
    ("study check gone", 2, "gone"),
    ("study import no-masks.npz out", 2, "masks"),
    ("paint slice.png", 2, "paint"),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bad") / "in"
    make_bad_inputs(folder)
    # The user's own folder of keys stays, once a study was tried.
    (folder.parent / "user" / "MedAI" / "study keys").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder.parent / "user"))
        patch.chdir(folder)
        yield folder


def everything_in(folder: Path) -> dict[str, int]:
    """Everything under a folder, and when each file was last written."""
    return {
        str(path): path.stat().st_mtime_ns if path.is_file() else 0 for path in folder.rglob("*")
    }


@pytest.mark.parametrize(("typed", "status", "words"), CASES, ids=[case[0] for case in CASES])
def test_bad_input_is_one_line_and_leaves_nothing(
    inputs: Path, typed: str, status: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = everything_in(inputs.parent)
    assert run(typed.split()) == status
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("medai: ") and words in line
    assert "Traceback" not in line and "Defect" not in line
    assert everything_in(inputs.parent) == before


def test_there_are_sixty_kinds_and_every_command_has_some() -> None:
    from medai.cli import build_app

    assert len({typed for typed, _, _ in CASES}) >= 60
    app = build_app()
    commands = {command.name for command in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}
    # The two that take no input.
    assert commands - {typed.split()[0] for typed, _, _ in CASES} <= {"demo", "doctor"}
