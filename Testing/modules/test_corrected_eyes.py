"""Cataract Map: fractions follow what a hand paints in lens and cataract, and undo restores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medai.models import ModelStore
from Testing.cataract.cards import write_card
from Testing.modules.cataract_results import small_scans, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def done(slicer, messages, monkeypatch, tmp_path, open_panel):
    """The panel after a run on both small eyes."""
    from medai.scene.oct_scans import show_scans
    from Testing.standins import load_module

    write_card(tmp_path / "models", "small", recommended=True, threshold=0.2)
    store = ModelStore([tmp_path / "models"])

    def answer(scans, model_id, options):
        return truth_result(scans, store.card(model_id), options)

    worker = ScriptedWorker(answer, [])
    monkeypatch.setattr(load_module("CataractMap"), "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    panel = open_panel("CataractMap")
    chosen = panel.widget.parameters
    chosen.rightScans, chosen.leftScans = [show_scans(scans) for scans in small_scans()]
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running) and messages.shown == []
    return panel


def measured(panel):
    return panel.wait(until=lambda: not panel.widget._correction.is_busy, seconds=20)


def drawn(slicer, panel, eye, name, mask=None):
    """What is drawn in one eye's segment; with ``mask`` that is drawn there instead."""
    node = panel.widget._nodes[eye].segmentation
    scans = panel.widget._source.nodes[eye]
    before = slicer.util.arrayFromSegmentBinaryLabelmap(node, name, scans)
    if mask is not None:
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, name, scans)
    return before


def test_the_fraction_follows_the_hand_and_undo_restores_it(slicer, done, messages, tmp_path):
    widget = done.widget
    own = widget._result
    half = own.eyes[0].cataract.copy()
    half[0] = False
    before = drawn(slicer, done, 0, "cataract", half)
    assert widget._correction.is_busy
    assert measured(done) and messages.shown == []
    right, left = widget._result.eyes
    assert widget._result.of_network is own and left is own.eyes[1]
    assert right.measures[0].cataract_fraction == 0.0
    assert right.correction.scans == 1 and right.correction.lens_dice == 1.0
    fractions = [measure.cataract_fraction for measure in right.measures]
    assert right.summary.cataract_fraction == pytest.approx(np.mean(fractions))
    assert "corrected by hand" in done.ui.sentenceLabel.text()
    assert "Dice of cataract" in done.ui.notesLabel.text()
    assert done.ui.scansTable.item(0, 2).text() == "0.00"
    table = widget._nodes[0].scan_table
    assert slicer.util.arrayFromTableColumn(table, "cataract fraction")[0] == 0.0
    done.widget._export.path.setCurrentPath(str(tmp_path))
    done.widget._export.button.click()
    written = json.loads((tmp_path / "cataract" / "cataract.json").read_text())
    assert list(written["correction"]) == ["Right eye"]
    # Another threshold judges the corrected eye.
    done.ui.thresholdSlider.setValue(0.01)
    done.wait(until=lambda: not widget._rejudge._timer.isActive())
    assert widget._result.eyes[0].summary.cataract_fraction == right.summary.cataract_fraction
    drawn(slicer, done, 0, "cataract", before)
    assert measured(done)
    done.wait(until=lambda: not widget._rejudge._timer.isActive())
    assert widget._result.of_network is None
    assert widget._result.eyes[0].measures is own.eyes[0].measures


def test_the_way_back_fills_the_segments_again(slicer, done, messages):
    own = done.widget._result
    drawn(slicer, done, 1, "lens", np.zeros_like(own.eyes[1].lens))
    done.widget._correction.measure.click()
    assert measured(done)
    assert np.isnan(done.widget._result.eyes[1].summary.cataract_fraction)
    done.widget._correction.own.click()
    assert "discarded" in messages.shown[-1].text
    assert measured(done) and done.widget._result is own
    np.testing.assert_array_equal(drawn(slicer, done, 1, "lens") != 0, own.eyes[1].lens)


def test_a_segment_that_was_removed_is_empty_and_a_node_that_was_is_one_message(
    slicer, done, messages
):
    node = done.widget._nodes[0].segmentation
    node.GetSegmentation().RemoveSegment("cataract")
    assert measured(done) and messages.shown == []
    assert done.widget._result.eyes[0].summary.cataract_fraction == 0.0
    slicer.mrmlScene.RemoveNode(node)
    done.widget._correction.measure.click()
    assert "segments were deleted" in messages.shown[-1].text
