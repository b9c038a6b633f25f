"""The Cataract Map panel: the real .ui and module file, a scene, a scripted worker."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from medai.errors import InputError
from medai.images.crop_box import CropBox
from medai.models import ModelStore
from Testing.cataract.cards import write_card
from Testing.modules.cataract_results import SCANS, small_eyes, small_scans, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")
NAME = "CataractMap"


@pytest.fixture
def bench(module, monkeypatch, tmp_path, messages):
    """Two models, and a worker that answers with the phantoms' truth."""
    write_card(tmp_path / "models", "small", recommended=True, threshold=0.2)
    write_card(tmp_path / "models", "wide", recommended=False, threshold=0.3)
    store = ModelStore([tmp_path / "models"])

    def answer(scans, model_id, options):
        return truth_result(scans, store.card(model_id), options)

    worker = ScriptedWorker(answer)
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    return SimpleNamespace(store=store, worker=worker, messages=messages, folder=tmp_path)


@pytest.fixture
def eyes(slicer):
    """Both small eyes in the scene."""
    from medai.scene.oct_scans import show_scans

    return [show_scans(scans) for scans in small_scans()]


@pytest.fixture
def panel(bench, open_panel):
    return open_panel(NAME)


@pytest.fixture
def ready(panel, eyes):
    """The panel with both eyes chosen."""
    panel.widget.parameters.rightScans, panel.widget.parameters.leftScans = eyes
    panel.wait()
    return panel


@pytest.fixture
def done(bench, ready):
    """The panel after a run."""
    run(ready)
    assert bench.messages.shown == []
    return ready


def run(panel):
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running)


def rows(table):
    columns = range(table.columnCount())
    return [[table.item(r, c).text() for c in columns] for r in range(table.rowCount())]


def view(slicer, name):
    return slicer.app.layoutManager().sliceWidget(name).sliceLogic()


def save_eyes(folder, names=("OD", "OS")):
    folder.mkdir()
    for word, eye in zip(names, small_eyes().values(), strict=True):
        for k, pixels in enumerate(eye.volume.array):
            Image.fromarray(pixels).save(folder / f"{word}_{k + 1}.png")


def drop(window, files):
    """Drop files from the desktop; whether the panel took them."""
    import qt

    mime = qt.QMimeData()
    mime.setText("words")
    if files:
        mime.setUrls([qt.QUrl.fromLocalFile(str(file)) for file in files])
    place, copy = qt.QPointF(60, 60), qt.Qt.DropAction.CopyAction
    button, key = qt.Qt.MouseButton.LeftButton, qt.Qt.KeyboardModifier.NoModifier
    taken = []
    for kind in (qt.QDragEnterEvent, qt.QDropEvent):
        event = kind(place, copy, mime, button, key)
        event.ignore()
        qt.QApplication.sendEvent(window, event)
        taken.append(event.isAccepted())
    return all(taken)


def test_run_waits_for_scans_and_says_so(panel):
    assert not panel.widget._run.button.isEnabled()
    assert panel.widget._run.status.text() == "Load scans of an eye first."
    assert not panel.ui.thresholdSlider.isEnabled()
    assert "no result yet" in panel.ui.sentenceLabel.text().lower()


def test_a_folder_is_sorted_into_both_eyes_with_their_pixel_size(slicer, bench, panel):
    save_eyes(bench.folder / "scans")
    panel.ui.scansPathLineEdit.setCurrentPath(str(bench.folder / "scans"))
    panel.ui.axialSlider.setValue(61.4)
    panel.ui.transverseSlider.setValue(59.5)
    panel.ui.loadButton.click()
    panel.wait()
    assert bench.messages.shown == []
    right, left = panel.widget.parameters.rightScans, panel.widget.parameters.leftScans
    assert (right.GetName(), left.GetName()) == ("Right eye", "Left eye")
    assert right.GetSpacing()[:2] == pytest.approx((0.0595, 0.0614))
    assert right.GetImageData().GetDimensions()[2] == SCANS
    assert view(slicer, "Red").GetSliceCompositeNode().GetBackgroundVolumeID() == right.GetID()
    assert view(slicer, "Yellow").GetSliceCompositeNode().GetBackgroundVolumeID() == left.GetID()
    assert panel.widget._run.button.isEnabled()


def test_files_dropped_on_the_panel_are_sorted_into_both_eyes(bench, panel):
    save_eyes(bench.folder / "scans")
    files = sorted((bench.folder / "scans").iterdir())
    assert drop(panel.window, files)
    right, left = panel.widget.parameters.rightScans, panel.widget.parameters.leftScans
    assert (right.GetName(), left.GetName()) == ("Right eye", "Left eye")
    assert left.GetImageData().GetDimensions()[2] == SCANS
    assert not drop(panel.window, [])  # words from a text editor, say
    assert bench.messages.shown == []
    panel.widget._run.button.click()
    assert not panel.window.acceptDrops()
    panel.wait(until=lambda: not panel.widget._run.running)
    assert panel.window.acceptDrops()
    panel.close()
    assert not panel.window.acceptDrops()


@pytest.mark.parametrize(
    ("names", "words"),
    [(("a", "b"), "don't say which eye"), (("P1_OD", "P2_OD"), "several people")],
)
def test_scans_that_can_not_be_sorted_are_one_message(bench, panel, names, words):
    save_eyes(bench.folder / "scans", names)
    panel.ui.scansPathLineEdit.setCurrentPath(str(bench.folder / "scans"))
    panel.ui.loadButton.click()
    assert len(bench.messages.shown) == 1
    assert words in bench.messages.shown[0].text
    assert panel.widget.parameters.rightScans is None


def test_half_a_pixel_size_and_no_folder_are_refused(bench, panel):
    panel.ui.loadButton.click()
    assert "pick the folder" in bench.messages.shown[-1].text
    save_eyes(bench.folder / "scans")
    panel.ui.scansPathLineEdit.setCurrentPath(str(bench.folder / "scans"))
    panel.ui.axialSlider.setValue(7.7)
    panel.ui.loadButton.click()
    assert "give both, or neither" in bench.messages.shown[-1].text


def test_a_run_shows_a_sentence_both_tables_overlays_and_outlines(slicer, done):
    fraction = small_eyes()["right"].fractions.mean()
    sentence = done.ui.sentenceLabel.text()
    assert sentence.startswith(f"Right eye: cataract fraction {fraction:.2f} (")
    assert "mostly nuclear" in sentence
    assert "consistent with cataract, not a diagnosis" in sentence
    assert "Left eye: cataract fraction 0.00" in sentence
    eyes = rows(done.ui.eyesTable)
    assert [row[0] for row in eyes] == ["Right eye", "Left eye"]
    assert eyes[0][1] == f"{fraction:.2f}"
    assert len(rows(done.ui.scansTable)) == 2 * SCANS
    for name, nodes in zip(("Red", "Yellow"), done.widget._nodes, strict=True):
        composite = view(slicer, name).GetSliceCompositeNode()
        assert composite.GetLabelVolumeID() == nodes.probability.GetID()
        display = nodes.segmentation.GetDisplayNode()
        assert display.GetViewNodeIDs() == (view(slicer, name).GetSliceNode().GetID(),)
        assert display.GetSegmentVisibility("lens")
        assert not display.GetSegmentVisibility("cataract")


def test_the_map_in_the_scene_is_the_truth_in_percent(slicer, done):
    array = slicer.util.arrayFromVolume(done.widget._nodes[0].probability)
    assert np.array_equal(array, 100 * small_eyes()["right"].cataract)


def test_a_click_on_a_scan_scrolls_its_eye_there(slicer, done):
    from medai.scene.oct_scans import scan_ras

    done.ui.scansTable.selectRow(SCANS + 2)
    left = done.widget.parameters.leftScans
    offset = view(slicer, "Yellow").GetSliceNode().GetSliceOffset()
    assert offset == pytest.approx(scan_ras(left, 2)[2])
    assert view(slicer, "Red").GetSliceNode().GetSliceOffset() == pytest.approx(
        scan_ras(left, 0)[2]
    )


def test_a_higher_threshold_changes_the_words_without_another_run(bench, done):
    done.ui.thresholdSlider.setValue(0.95)
    assert done.wait(until=lambda: "below 0.95" in done.ui.sentenceLabel.text())
    assert len(bench.worker.jobs) == 1
    assert "mostly" not in done.ui.sentenceLabel.text()


def test_the_opacity_slider_fades_the_overlay(slicer, done):
    done.ui.opacitySlider.setValue(0.25)
    done.wait()
    composite = view(slicer, "Red").GetSliceCompositeNode()
    assert composite.GetLabelOpacity() == pytest.approx(0.25)
    done.ui.overlayCheckBox.click()
    assert composite.GetLabelVolumeID() is None
    done.ui.cataractCheckBox.click()
    assert done.widget._nodes[0].segmentation.GetDisplayNode().GetSegmentVisibility("cataract")


def test_the_crop_box_follows_the_scan_and_a_nudge_reaches_the_worker(slicer, bench, ready):
    from medai.scene.crop_editor import box_of_roi
    from medai.scene.eye_views import go_to_scan

    crop = ready.widget._crops[0]
    go_to_scan(ready.widget._eyes, 0, 1)
    before = crop.box(1)
    assert box_of_roi(crop.node, crop.roi) == before
    center = np.empty(3)
    crop.roi.GetCenterWorld(center)
    step = crop.node.GetSpacing()[0]
    crop.roi.SetCenterWorld(center[0] - 5 * step, center[1], center[2])
    moved = CropBox(before.left + 5, before.top, before.right + 5, before.bottom)
    run(ready)
    scans = bench.worker.jobs[0].arguments[0]
    assert scans[0].crops == (None, moved, None)
    assert scans[1].crops == (None, None, None)
    assert ready.widget._result.eyes[0].crops[1] == moved
    ready.ui.proposeButton.click()
    assert crop.box(1) == before


def test_hiding_the_crop_box_hides_it(ready):
    assert all(crop.roi.GetDisplayNode().GetVisibility() for crop in ready.widget._crops)
    ready.ui.cropCheckBox.click()
    assert not any(crop.roi.GetDisplayNode().GetVisibility() for crop in ready.widget._crops)


def test_one_eye_alone_is_enough(bench, panel, eyes):
    panel.widget.parameters.leftScans = eyes[1]
    panel.wait()
    run(panel)
    assert bench.messages.shown == []
    assert [row[0] for row in rows(panel.ui.eyesTable)] == ["Left eye"]


def test_the_depth_plot_is_of_the_chosen_eye(slicer, done, monkeypatch):
    shown = []
    monkeypatch.setattr(
        slicer.modules.plots.logic(), "ShowChartInLayout", shown.append, raising=False
    )
    module = __import__("CataractMap")
    monkeypatch.setattr(module, "show_chart", shown.append)
    done.ui.eyesTable.selectRow(1)
    done.ui.depthButton.click()
    assert shown == [done.widget._nodes[1].depth_plot]


def test_another_model_brings_its_own_threshold(ready):
    assert ready.widget.parameters.threshold == pytest.approx(0.2)
    ready.widget._model.combo.setCurrentIndex(1)
    assert ready.widget.parameters.modelId == "wide"
    assert ready.widget.parameters.threshold == pytest.approx(0.3)


def test_cancelling_leaves_the_panel_ready(bench, ready):
    ready.widget._run.button.click()
    assert not ready.ui.loadButton.isEnabled()
    ready.widget._run.button.click()
    assert ready.wait(until=lambda: not ready.widget._run.running)
    assert bench.worker.jobs[0].state == "cancelled"
    assert ready.ui.loadButton.isEnabled()


def test_closing_the_scene_in_a_run_breaks_nothing(slicer, bench, ready):
    ready.widget._run.button.click()
    slicer.mrmlScene.Clear(0)
    ready.wait()
    assert bench.messages.shown == []
    assert ready.widget._crops == ()
    assert ready.ui.scansTable.rowCount() == 0
    assert not ready.widget._run.running


def test_scans_removed_during_a_run_are_one_message(slicer, bench, ready):
    ready.widget._run.button.click()
    slicer.mrmlScene.RemoveNode(ready.widget._eyes[0])
    assert ready.wait(until=lambda: not ready.widget._run.running)
    ready.wait()
    assert [m.text for m in bench.messages.shown if "no longer in the scene" in m.text]


def test_export_writes_overlays_tables_and_report(bench, done):
    done.widget._export.path.setCurrentPath(str(bench.folder))
    done.widget._export.button.click()
    assert bench.messages.shown == []
    folder = bench.folder / "cataract"
    names = {path.name for path in folder.iterdir()}
    files = {"cataract.json", "eyes.csv", "scans.csv", "report.html", "timing.json"}
    assert names == files | {"overlays"}
    assert len(list((folder / "overlays").glob("*.png"))) == 2 * SCANS
    assert json.loads((folder / "cataract.json").read_text())["task"] == "cataract"


def test_every_control_has_a_tooltip(panel):
    for name, widget in vars(panel.ui).items():
        interactive = (
            "QPushButton", "QCheckBox", "QComboBox", "ctkSliderWidget", "ctkPathLineEdit",
            "qMRMLNodeComboBox", "QTableWidget",
        )  # fmt: skip
        if any(widget.inherits(kind) for kind in interactive) and not name.startswith("qt_"):
            assert widget.toolTip(), name


def test_the_logic_refuses_nothing_and_a_ct(module, slicer):
    from medai import scene
    from medai.images.volume import Volume

    logic = module.CataractMapLogic(worker=ScriptedWorker(lambda *_: None))
    with pytest.raises(InputError, match="No scans are chosen"):
        logic.start(None, None, "small", None)
    ct = Volume(np.zeros((4, 64, 64), np.int16), np.eye(4), "CT", "chest")
    with pytest.raises(InputError, match="is a CT"):
        logic.start(scene.show_volume(ct), None, "small", None)
