"""The COVID Classification panel: the real .ui and module file, a real network, a scene."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from medai.errors import InputError
from medai.inference import LesionOptions
from medai.inference.covid.assessment import CovidAssessment
from medai.inference.covid.result import COVID_CLASS
from medai.measures.follow_up import follow_up
from medai.measures.severity import severity
from Testing.model_folders import write_model
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")
NAME = "CovidClassification"


@pytest.fixture
def bench(module, monkeypatch, tmp_path, messages):
    """A classifier with random weights, and the phantom's truth for severity."""
    folder = tmp_path / "models"
    write_model(folder / "tiny", "ctnet10", ("COVID-19",), size=128, task="covid")
    store = store_with(folder, {"id": "light", "recommended": "true"})

    def lesions_of(volume):
        options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
        return truth_result(small_phantom(), store.card("light"), options, volume)

    def answer(study, model_id, choices):
        from medai.inference.covid.classification import classify_covid

        found = classify_covid(study, store.load(model_id), choices.classification)
        if choices.lesion_model is None or isinstance(study, tuple):
            return CovidAssessment(found)
        later = lesions_of(study)
        severe = severity(later.burden, later.lesions, choices.lobes)
        if choices.prior is None:
            return CovidAssessment(found, later, severe)
        earlier = lesions_of(choices.prior)
        change = follow_up(earlier.burden, later.burden)
        return CovidAssessment(found, later, severe, earlier, change)

    worker = ScriptedWorker(answer)
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    return SimpleNamespace(worker=worker, messages=messages, folder=tmp_path)


@pytest.fixture
def panel(bench, open_panel):
    return open_panel(NAME)


def add_ct(slicer, name="Chest CT"):
    from medai import scene

    node = scene.show_volume(small_phantom().volume)
    node.SetName(name)
    return node


def run(panel):
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running)


def test_without_a_study_run_says_what_is_missing(panel) -> None:
    assert not panel.widget._run.button.isEnabled()
    assert "Choose a chest CT first" in panel.widget._run.status.text()
    assert not panel.ui.explanationCheckBox.isEnabled()


def test_a_run_answers_with_probability_severity_and_slices(slicer, panel, bench) -> None:
    panel.widget.parameters.inputVolume = add_ct(slicer)
    run(panel)
    assert bench.messages.shown == []
    result = panel.widget._result
    assert panel.ui.answerLabel.text() == result.sentence
    assert "Probability of COVID-19" in result.sentence
    table = panel.ui.slicesTable
    part = result.classification.slices[0]
    assert table.rowCount() == len(part.index)
    covid = part.probability[:, result.classification.classes.index(COVID_CLASS)]
    assert table.item(0, 0).text() == str(part.index[np.argmax(covid)] + 1)
    assert panel.ui.severityTable.rowCount() == 9
    assert f"{result.severity.zone_score} of 24" in panel.ui.scoreLabel.text()
    assert "No earlier study" in panel.ui.changeLabel.text()
    assert not panel.ui.sideBySideButton.isEnabled()


def test_a_click_on_a_slice_takes_the_views_there(slicer, panel, bench) -> None:
    panel.widget.parameters.inputVolume = add_ct(slicer)
    run(panel)
    panel.ui.slicesTable.selectRow(2)
    index = panel.widget._order[2]
    wanted = panel.logic.slice_center(panel.widget._result, index)[2]
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert red.GetSliceOffset() == pytest.approx(wanted, abs=0.01)


def test_an_earlier_study_gives_the_change_and_lies_side_by_side(slicer, panel, bench) -> None:
    later, earlier = add_ct(slicer, "Later"), add_ct(slicer, "Earlier")
    panel.widget.parameters.inputVolume = later
    panel.widget.parameters.priorVolume = earlier
    run(panel)
    assert bench.messages.shown == []
    assert panel.widget._result.change.opacity_change_points == 0.0
    assert panel.ui.changeTable.rowCount() == 3
    panel.ui.sideBySideButton.click()
    assert bench.messages.shown == []
    matrix = slicer.util.arrayFromTransformMatrix(earlier.GetParentTransformNode())
    np.testing.assert_allclose(matrix, np.eye(4), atol=1e-9)
    panel.logic.export(panel.widget._result, bench.folder / "out")
    change = (bench.folder / "out" / "change.csv").read_text().splitlines()
    assert len(change) >= 1 + panel.ui.changeTable.rowCount()


def test_the_study_itself_is_no_earlier_study(slicer, panel, bench) -> None:
    node = add_ct(slicer)
    panel.widget.parameters.inputVolume = node
    panel.widget.parameters.priorVolume = node
    with pytest.raises(InputError, match="the study itself"):
        panel.logic.start(panel.widget.parameters)


def test_a_picture_is_classified_without_severity(slicer, panel, bench) -> None:
    from medai import scene
    from medai.images import Volume

    grey = np.random.default_rng(0).integers(0, 256, (1, 90, 120)).astype(np.uint8)
    node = scene.show_volume(Volume(grey, np.eye(4), "", "slice"))
    panel.widget.parameters.inputVolume = node
    run(panel)
    assert bench.messages.shown == []
    assert panel.ui.slicesTable.rowCount() == 1
    assert panel.ui.scoreLabel.text() == "Severity was not measured."


def test_the_overlay_lies_over_the_slices_as_asked(slicer, panel, bench) -> None:
    panel.widget.parameters.inputVolume = add_ct(slicer)
    run(panel)
    composite = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    assert composite.GetLabelVolumeID() == panel.widget._nodes.explanation.GetID()
    panel.widget.parameters.showExplanation = False
    assert composite.GetLabelVolumeID() is None
    panel.widget.parameters.showLesions = False
    display = panel.widget._nodes.lesions.segmentation.GetDisplayNode()
    assert not display.GetVisibility()


def test_export_writes_the_whole_answer(slicer, panel, bench) -> None:
    panel.widget.parameters.inputVolume = add_ct(slicer)
    run(panel)
    panel.logic.export(panel.widget._result, bench.folder / "out")
    written = json.loads((bench.folder / "out" / "classification.json").read_text())
    answer = panel.widget._result.classification
    assert written["covid_probability"] == answer.covid_probability
    assert written["severity"]["zone_score"] == panel.widget._result.severity.zone_score
    severe = (bench.folder / "out" / "severity.csv").read_text().splitlines()
    assert len(severe) == 1 + panel.ui.severityTable.rowCount()
    assert not (bench.folder / "out" / "change.csv").exists()
    page = (bench.folder / "out" / "report.html").read_text()
    assert "Research use only" in page
    assert len((bench.folder / "out" / "slices.csv").read_text().splitlines()) == 1 + len(
        answer.slices[0].index
    )


def test_closing_the_scene_in_the_middle_of_a_run_breaks_nothing(slicer, panel, bench) -> None:
    panel.widget.parameters.inputVolume = add_ct(slicer)
    panel.widget._run.button.click()
    slicer.mrmlScene.Clear(0)
    panel.wait(seconds=0.3)
    assert not panel.widget._run.running
    assert bench.messages.shown == []
    assert "No result yet" in panel.ui.answerLabel.text()
