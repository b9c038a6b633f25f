"""A whole session in the panel: make a study, four raters outline it, analyse, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from medai.phantoms.raters import SIMULATED_RATERS, simulate_rating
from medai.phantoms.skin import skin_photograph
from medai.studies import check_study, open_study, worklist
from medai.studies.name_key import read_key
from medai.studies.submissions import study_records
from Testing.modules.rater_steps import NAME, OWNER, be, open_folder, outline, run

pytestmark = pytest.mark.xdist_group("panels")
PHANTOMS = {f"photo-{number}": skin_photograph((96, 128), seed=number) for number in range(1, 6)}


@pytest.fixture
def pictures(tmp_path):
    """Five photographs as PNG files, and masks of the skin beside them."""
    for folder in ("images", "skin"):
        (tmp_path / folder).mkdir()
    for name, phantom in PHANTOMS.items():
        Image.fromarray(phantom.volume.array[0]).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(255 * phantom.skin[0]).save(tmp_path / "skin" / f"{name}.png")
    return tmp_path


@pytest.fixture(autouse=True)
def own_user_folder(tmp_path, monkeypatch):
    """The key of a study goes into the user folder: not into the real one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """The figures take most of the time and have tests of their own."""
    monkeypatch.setattr("medai.reports.agreement.charts_available", lambda: False)


def agree(*arguments: str) -> dict:
    """What ``medai agree`` writes as JSON."""
    from medai.commands.agree import agree as command

    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def make_study(panel, folder) -> None:
    ui = panel.ui
    ui.studyPathLineEdit.setCurrentPath(str(folder / "study"))
    ui.newStudyButton.setChecked(True)
    ui.imagesPathLineEdit.setCurrentPath(str(folder / "images"))
    ui.regionsPathLineEdit.setCurrentPath(str(folder / "skin"))
    ui.titleLineEdit.setText("Five photographs")
    ui.ratersLineEdit.setText(", ".join(rater.name for rater in SIMULATED_RATERS))
    ui.repeatSpinBox.setValue(0.2)
    ui.createButton.click()
    panel.wait()


def outline_all(panel, slicer, rater, study, phantoms) -> None:
    """What one rater does: six cases, one of them a repeat. phantoms: by the study's names."""
    be(panel, rater.name)
    for case in worklist(study.protocol, rater.name):
        phantom = phantoms[case.image]
        mask = simulate_rating(
            phantom.lesions,
            phantom.volume.spacing_mm,
            rater,
            roi=phantom.skin,
            seed=10 * case.number + len(rater.name),
        )
        outline(panel, slicer, mask)
        if case.number % 3 == 0:
            panel.ui.lowRadioButton.setChecked(True)
            panel.ui.exposureCheckBox.setChecked(True)
        panel.ui.submitButton.click()
        panel.wait()


def test_the_numbers_of_a_session_equal_those_of_medai_agree_on_its_export(
    open_panel, slicer, messages, pictures
):
    panel = open_panel(NAME)
    make_study(panel, pictures)
    (told,) = messages.shown
    key = Path(told.text.splitlines()[-1])
    assert pictures in key.parents and pictures / "study" not in key.parents
    phantoms = {given: PHANTOMS[name] for name, given in read_key(key).items()}
    study = open_study(pictures / "study")
    for rater in SIMULATED_RATERS:
        outline_all(panel, slicer, rater, study, phantoms)
        assert panel.ui.caseLabel.text() == "All 6 cases are done · 6 submitted."
    records = study_records(study)
    assert len(records) == 24
    assert sum(record.presentation == 2 for record in records) == 4
    assert check_study(study).findings == ()

    be(panel, OWNER)
    run(panel, messages)
    panel.widget._analyse.export.path.setCurrentPath(str(pictures))
    panel.widget._analyse.export.button.click()
    panel.wait()
    assert [message for message in messages.shown if message.kind == "error"] == []
    exported = pictures / "agreement"
    shown = json.loads((exported / "agreement.json").read_text(encoding="utf-8"))
    assert shown["images"] == 5
    assert shown["sentence"] == panel.ui.summaryLabel.text().splitlines()[0]
    again = agree(str(exported / "outlines" / "between_raters"), "-o", str(pictures / "again"))
    assert again == shown
    for name in ("images.csv", "raters.csv", "summary.csv", "confounders.csv"):
        assert (exported / name).read_bytes() == (pictures / "again" / name).read_bytes()
    for image in phantoms:
        name = f"consensus/{image}.seg.nrrd"
        assert (exported / name).read_bytes() == (pictures / "again" / name).read_bytes()
    repeats = (exported / "repeats.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in repeats] == ["rater", "AB", "CD", "EF", "GH"]
    assert "research" in (exported / "report.html").read_text(encoding="utf-8").lower()


def test_a_result_is_exported_into_a_new_folder_each_time(open_panel, slicer, messages, pictures):
    from medai.studies import phantom_study

    phantom_study(pictures / "study", images=2)
    panel = open_panel(NAME)
    open_folder(panel, pictures / "study")
    be(panel, OWNER)
    run(panel, messages)
    panel.widget._analyse.export.path.setCurrentPath(str(pictures))
    for name in ("agreement", "agreement-2"):
        panel.widget._analyse.export.button.click()
        panel.wait()
        assert (pictures / name / "agreement.json").is_file()
    assert messages.shown == []
