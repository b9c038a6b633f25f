"""The Chest X-ray panel: the real .ui and module file, a scene, a scripted worker."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from Testing.modules.film_results import small_film, store_of_films, truth_result
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")
NAME = "ChestXray"


@pytest.fixture
def module(slicer):
    """The module's file, imported as Slicer does."""
    from Testing.standins import load_module

    return load_module(NAME)


@pytest.fixture
def bench(module, monkeypatch, tmp_path, messages):
    """A model, and a worker that answers with the phantom's truth."""
    store = store_of_films(tmp_path / "models")
    worker = ScriptedWorker(
        lambda films, model_id, options: truth_result(films, store.card(model_id), options)
    )
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    return SimpleNamespace(store=store, worker=worker, messages=messages, folder=tmp_path)


@pytest.fixture
def panel(bench, open_panel):
    return open_panel(NAME)


@pytest.fixture
def ready(panel):
    """The panel with a film chosen."""
    from medai import scene

    panel.widget.parameters.film = scene.show_volume(small_film().volume)
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


def type_score(panel, text):
    panel.ui.readerLineEdit.setText(text)
    panel.ui.readerLineEdit.editingFinished.emit()
    panel.wait()


def visible(panel, name):
    return panel.widget._nodes[0].segmentation.GetDisplayNode().GetSegmentVisibility(name)


def test_run_waits_for_a_film_and_says_so(panel):
    assert not panel.widget._run.button.isEnabled()
    assert panel.widget._run.status.text() == "Load a chest X-ray first."
    assert not panel.ui.readerLineEdit.isEnabled()
    assert "no result yet" in panel.ui.sentenceLabel.text().lower()


def test_a_picture_is_loaded_and_shown_upright(slicer, bench, panel):
    grey = (small_film().volume.array[0] // 16).astype(np.uint8)
    Image.fromarray(grey).save(bench.folder / "film1.png")
    panel.ui.filePathLineEdit.setCurrentPath(str(bench.folder / "film1.png"))
    panel.ui.loadButton.click()
    panel.wait()
    assert bench.messages.shown == []
    film = panel.widget.parameters.film
    assert film.GetName() == "film1.png"
    assert np.array_equal(slicer.util.arrayFromVolume(film)[0], grey)
    view = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert view.GetSliceCompositeNode().GetBackgroundVolumeID() == film.GetID()
    assert panel.widget._run.button.isEnabled()


def test_what_is_no_chest_x_ray_is_refused_in_one_line(bench, panel):
    color = np.zeros((90, 100, 3), np.uint8)
    color[..., 0] = 200
    Image.fromarray(color).save(bench.folder / "photo1.png")
    panel.ui.filePathLineEdit.setCurrentPath(str(bench.folder / "photo1.png"))
    panel.ui.loadButton.click()
    panel.wait()
    (shown,) = bench.messages.shown
    assert "color picture" in shown.text
    assert panel.widget.parameters.film is None


def test_a_run_shows_sentence_zones_and_segments(done):
    assert "six-zone score 6 of 18" in done.ui.sentenceLabel.text()
    assert "phantoms only" in done.ui.notesLabel.text()
    table = rows(done.ui.zonesTable)
    assert [row[0] for row in table] == list("ABCDEF")
    assert [row[3] for row in table] == ["1"] * 6
    segments = done.widget._nodes[0].segmentation.GetSegmentation()
    assert segments.GetNumberOfSegments() == 10


def test_check_boxes_show_and_hide_lungs_opacities_zones_and_the_map(done):
    for box, name in (
        (done.ui.lungsCheckBox, "right lung"),
        (done.ui.opacitiesCheckBox, "consolidation"),
        (done.ui.zonesCheckBox, "zone A (right upper)"),
    ):
        assert visible(done, name)
        box.click()
        done.wait()
        assert not visible(done, name)
    done.ui.probabilityCheckBox.click()
    done.wait()
    assert done.widget.logic._map is done.widget._nodes[0].probability


def test_a_readers_score_stands_beside_the_models(bench, done):
    type_score(done, "0,1,2,3,1,1")
    beside = [row[4:6] for row in rows(done.ui.zonesTable)]
    assert beside[:3] == [["0", "1"], ["1", "0"], ["2", "-1"]]
    assert "reader 8" in done.ui.sentenceLabel.text()
    type_score(done, "")
    assert "reader" not in done.ui.sentenceLabel.text()
    type_score(done, "1,2")
    assert "expected six from 0 to 3" in bench.messages.shown[-1].text


def test_another_film_greys_the_result(done):
    from medai import scene

    done.widget.parameters.film = scene.show_volume(small_film().volume)
    done.wait()
    assert not done.ui.zonesTable.isEnabled()
    assert not done.ui.lungsCheckBox.isEnabled()


def test_export_writes_the_reader_too(bench, done):
    type_score(done, "1,1,1,1,1,1")
    done.widget.logic.export(done.widget._result, bench.folder / "out")
    written = json.loads((bench.folder / "out" / "xray.json").read_text("utf-8"))
    assert written["images"][0]["reader_score"] == 6
    assert (bench.folder / "out" / "film_1.seg.nrrd").is_file()
    assert (bench.folder / "out" / "report.html").is_file()


def test_a_closed_scene_leaves_no_result(slicer, done):
    slicer.mrmlScene.Clear(0)
    done.wait()
    assert "no result yet" in done.ui.sentenceLabel.text().lower()
    assert done.ui.zonesTable.rowCount() == 0


def test_a_correction_by_hand_is_measured_and_taken_back(slicer, done):
    widget = done.widget
    own = widget._result
    segmentation = widget._nodes[0].segmentation
    segmentation.GetSegmentation().RemoveSegment("consolidation")
    widget._correction.measure.click()
    assert done.wait(until=lambda: widget._result is not own)
    assert widget._result.films[0].measure.left.consolidation_percent == 0
    assert widget._result.films[0].score is own.films[0].score
    assert "Corrected by hand" in done.ui.notesLabel.text()
    widget._correction.own.click()
    assert done.wait(until=lambda: widget._result is own)
    assert segmentation.GetSegmentation().GetSegment("consolidation") is not None
