"""The user corrects what a network proposed: the numbers follow, and undo restores them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result
from Testing.standins.worker import ScriptedWorker
from training.lesion_slices import read_lesion_slices

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def done(slicer, messages, monkeypatch, tmp_path, open_panel):
    """The panel after a run on the phantom."""
    from medai import scene
    from Testing.standins import load_module

    module = load_module("LesionSegmentation")
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"})

    def answer(volume, model_id, options):
        return truth_result(small_phantom(), store.card(model_id), options, volume)

    worker = ScriptedWorker(answer, [])
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    scene.show_volume(small_phantom().volume)
    panel = open_panel("LesionSegmentation")
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running)
    return panel


def erase_right(slicer, panel):
    """Erase every lesion of the right lung, as the Segment Editor does; what was there before."""
    node, volume = panel.widget._nodes.segmentation, panel.widget._source.nodes[0]
    before = slicer.util.arrayFromSegmentBinaryLabelmap(node, "lesion", volume)
    kept = before * (panel.widget._result.lungs == 2)
    slicer.util.updateSegmentBinaryLabelmapFromArray(kept, node, "lesion", volume)
    return before


def measured(panel):
    return panel.wait(until=lambda: not panel.widget._correction.is_busy, seconds=20)


def test_numbers_follow_the_hand_a_second_later_and_undo_restores_them(slicer, done, messages):
    widget = done.widget
    own = widget._result
    rows = done.ui.findingsTable.rowCount()
    assert not widget._correction.own.isEnabled()
    before = erase_right(slicer, done)
    assert widget._correction._later.isActive()
    assert measured(done) and messages.shown == []
    corrected = widget._result
    assert corrected.of_network is own and corrected.burden.right_opacity_percent == 0.0
    assert corrected.correction.left_dice == 1.0 and corrected.correction.right_dice == 0.0
    lost = own.volume.voxel_volume_ml * np.count_nonzero(own.lesions[own.lungs == 1])
    assert corrected.correction.right_change_ml == pytest.approx(-lost)
    assert done.ui.burdenLabel.text().startswith("Corrected by hand: Lesions")
    assert "Dice" in done.ui.notesLabel.text()
    assert done.ui.findingsTable.rowCount() == len(corrected.findings) < rows
    table = widget._nodes.burden_table
    assert table.GetTable().GetValueByName(1, "opacity (%)").ToDouble() == 0.0
    assert not done.ui.maskSlider.isEnabled() and "Corrected" in done.ui.maskSlider.toolTip()
    # Undo in the Segment Editor brings the voxels back.
    node, volume = widget._nodes.segmentation, widget._source.nodes[0]
    slicer.util.updateSegmentBinaryLabelmapFromArray(before, node, "lesion", volume)
    assert measured(done)
    assert widget._result is own and done.ui.burdenLabel.text().startswith("Lesions")
    assert done.ui.maskSlider.isEnabled()


def test_a_lesion_painted_over_lung_still_lies_in_that_lung(slicer, done, messages):
    """Unless overlap is allowed, the Segment Editor takes what is painted from the lung."""
    widget = done.widget
    own, node = widget._result, widget._nodes.segmentation
    volume = widget._source.nodes[0]
    spared = np.argwhere((own.lungs == 2) & (own.lesions == 0))
    brush = tuple(spared[len(spared) // 2 :][:500].T)
    lesion, lung = (own.lesions > 0).astype(np.uint8), (own.lungs == 2).astype(np.uint8)
    lesion[brush], lung[brush] = 1, 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(lesion, node, "lesion", volume)
    slicer.util.updateSegmentBinaryLabelmapFromArray(lung, node, "left lung", volume)
    assert measured(done)
    burden, before = widget._result.burden, own.burden
    painted = 500 * own.volume.voxel_volume_ml
    assert burden.left_lung_volume_ml == pytest.approx(before.left_lung_volume_ml)
    assert burden.lesion_volume_ml == pytest.approx(before.lesion_volume_ml + painted)
    gain = 100 * painted / before.left_lung_volume_ml
    assert burden.left_opacity_percent == pytest.approx(before.left_opacity_percent + gain)


def test_a_split_segment_is_a_class_and_the_way_back_takes_it_along(slicer, done, messages):
    widget = done.widget
    own, node = widget._result, widget._nodes.segmentation
    volume = widget._source.nodes[0]
    erase_right(slicer, done)
    node.GetSegmentation().AddEmptySegment("Segment_1", "Segment_1")
    mask = ((own.lesions > 0) & (own.lungs == 1)).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "Segment_1", volume)
    widget._correction.measure.click()
    assert measured(done)
    assert widget._result.classes == ("lesion", "Segment_1")
    assert widget._result.burden.lesion_volume_ml == pytest.approx(own.burden.lesion_volume_ml)
    assert widget._result.correction.dice == 1.0
    widget._correction.own.click()
    assert "discarded" in messages.shown[-1].text
    assert measured(done) and widget._result is own
    assert node.GetSegmentation().GetSegment("Segment_1") is None
    back = slicer.util.arrayFromSegmentBinaryLabelmap(node, "lesion", volume)
    assert np.array_equal(back != 0, own.lesions != 0)
    assert measured(done) and widget._result is own


def test_segments_that_are_gone_are_one_message(slicer, done, messages):
    slicer.mrmlScene.RemoveNode(done.widget._nodes.segmentation)
    done.widget._correction.measure.click()
    assert "segments were deleted" in messages.shown[-1].text


def test_another_run_on_the_same_ct_is_no_correction(slicer, done, messages):
    from dataclasses import replace

    from medai import scene

    own = done.widget._result
    other = replace(own, lesions=own.lesions * (own.lungs == 2).astype(np.uint8))
    scene.show(other, done.widget._source.nodes[0])
    done.widget._correction.measure.click()
    assert "Another run has replaced" in messages.shown[-1].text
    assert done.widget._result is own


def test_export_tells_and_training_pairs_are_what_the_trainers_read(slicer, done, tmp_path):
    erase_right(slicer, done)
    assert measured(done)
    done.widget._export.path.setCurrentPath(str(tmp_path))
    done.widget._export.button.click()
    summary = json.loads((tmp_path / "lesions" / "summary.json").read_text())
    assert summary["correction"]["right_dice"] == 0.0
    assert "Corrected by hand" in (tmp_path / "lesions" / "report.html").read_text()
    done.widget._export._others[0].click()
    slices = read_lesion_slices(tmp_path / "training" / "images", tmp_path / "training" / "masks")
    result = done.widget._result
    lung_slices = result.lungs.any(axis=(1, 2))
    assert len(slices) == lung_slices.sum() and len({each.patient for each in slices}) == 1
    marked = sum(int((each.mask > 0).sum()) for each in slices)
    assert marked == np.count_nonzero(result.lesions[lung_slices])
    assert "corrected by hand" in (tmp_path / "training" / "about.txt").read_text()
