"""COVID Classification: severity and follow-up are those of the lesions that a hand corrected."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from medai.inference import LesionOptions
from medai.inference.covid.assessment import CovidAssessment
from medai.measures.follow_up import follow_up
from medai.measures.severity import severity
from Testing.model_folders import write_model
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def done(slicer, messages, monkeypatch, tmp_path, open_panel):
    """The panel after a run on the phantom and on the same as earlier study, with lobes."""
    from medai import scene
    from medai.inference.covid.classification import classify_covid
    from Testing.standins import load_module

    module = load_module("CovidClassification")
    write_model(tmp_path / "tiny", "ctnet10", ("COVID-19",), size=128, task="covid")
    store = store_with(tmp_path, {"id": "light", "recommended": "true"})

    def lesions_of(volume):
        options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
        return truth_result(small_phantom(), store.card("light"), options, volume)

    def answer(study, model_id, choices):
        found = classify_covid(study, store.load(model_id), choices.classification)
        later, earlier = lesions_of(study), lesions_of(choices.prior)
        severe = severity(later.burden, later.lesions, choices.lobes)
        change = follow_up(earlier.burden, later.burden)
        return CovidAssessment(found, later, severe, earlier, change)

    worker = ScriptedWorker(answer, [])
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    panel = open_panel("CovidClassification")
    phantom = small_phantom()
    chosen = panel.widget.parameters
    chosen.inputVolume = scene.show_volume(phantom.volume)
    chosen.priorVolume = scene.show_volume(phantom.volume)
    lobes = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "lobes")
    # Right upper and left upper lobe alone.
    slicer.util.updateVolumeFromArray(lobes, np.array([0, 1, 4], np.uint8)[phantom.lungs])
    lobes.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(phantom.volume.ijk_to_ras))
    chosen.lobes = lobes
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running) and messages.shown == []
    return panel


def measured(panel):
    return panel.wait(until=lambda: not panel.widget._correction.is_busy, seconds=20)


def cells(table, row):
    return [table.item(row, column).text() for column in range(table.columnCount())]


def test_severity_and_follow_up_follow_the_hand_and_undo_restores_them(
    slicer, done, messages, tmp_path
):
    widget = done.widget
    own = widget._result
    node, volume = widget._nodes.lesions.segmentation, widget._source.nodes[0]
    before = slicer.util.arrayFromSegmentBinaryLabelmap(node, "lesion", volume)
    kept = before * (own.lesions.lungs == 2)
    slicer.util.updateSegmentBinaryLabelmapFromArray(kept, node, "lesion", volume)
    assert measured(done) and messages.shown == []
    corrected = widget._result
    assert corrected.of_network is own and corrected.classification is own.classification
    # What is left, counted by hand.
    lung = np.count_nonzero(own.lesions.lungs)
    percent = 100 * np.count_nonzero(kept & (own.lesions.lungs > 0)) / lung
    assert corrected.severity.opacity_percent == pytest.approx(percent)
    assert corrected.severity.right_opacity_percent == 0.0
    assert corrected.severity.lobe_opacity_percent["right upper"] == 0.0
    assert corrected.severity.lobe_opacity_percent["left upper"] > 0.0
    assert corrected.change.later == severity(corrected.lesions.burden)
    assert corrected.change.opacity_change_points == pytest.approx(
        percent - own.severity.opacity_percent
    )
    assert "Corrected by hand: opacity" in done.ui.answerLabel.text()
    assert "Dice" in done.ui.notesLabel.text()
    assert cells(done.ui.severityTable, 1)[1] == "0.0"
    assert cells(done.ui.changeTable, 1)[2] == f"{percent:.1f}"
    change = slicer.util.arrayFromTableColumn(widget._nodes.change_table, "opacity (%)")
    assert change[1] == pytest.approx(percent)
    done.logic.export(corrected, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "classification.json").read_text())
    assert written["correction"]["right_dice"] == 0.0
    assert written["severity"]["opacity_percent"] == pytest.approx(percent)
    with (tmp_path / "out" / "severity.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert float(rows[1][1]) == pytest.approx(percent)
    assert "Corrected by hand" in (tmp_path / "out" / "report.html").read_text()
    slicer.util.updateSegmentBinaryLabelmapFromArray(before, node, "lesion", volume)
    assert measured(done) and widget._result is own
    assert "Corrected" not in done.ui.answerLabel.text()


def test_the_way_back_fills_the_segments_again(slicer, done, messages):
    widget = done.widget
    own, node, volume = widget._result, widget._nodes.lesions.segmentation, widget._source.nodes[0]
    empty = np.zeros(own.lesions.lesions.shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(empty, node, "lesion", volume)
    widget._correction.measure.click()
    assert measured(done) and widget._result.severity.opacity_percent == 0.0
    widget._correction.own.click()
    assert measured(done) and widget._result is own
    back = slicer.util.arrayFromSegmentBinaryLabelmap(node, "lesion", volume)
    np.testing.assert_array_equal(back != 0, own.lesions.lesions != 0)


def test_a_correction_elsewhere_asks_nobody_who_did_not_ask(slicer, done, messages):
    """Another run on the same CT refills the segments that this panel follows."""
    from dataclasses import replace

    from medai import scene

    found = done.widget._result.lesions
    other = replace(found, lesions=found.lesions * (found.lungs == 2).astype(np.uint8))
    scene.show(other, done.widget._source.nodes[0])
    assert measured(done) and messages.shown == []
    assert done.widget._result.lesions is found
    done.widget._correction.measure.click()
    assert "Another run has replaced" in messages.shown[-1].text
