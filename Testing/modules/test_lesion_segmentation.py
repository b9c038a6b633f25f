"""The Lesion Segmentation panel: the real .ui and module file, a scene, a scripted worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from medai.errors import InputError
from medai.inference import LesionOptions, rethreshold
from medai.measures import ZONE_NAMES, burden_sentence
from medai.progress import Progress
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result, without_regions
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")
NAME = "LesionSegmentation"


@pytest.fixture
def bench(module, monkeypatch, tmp_path, messages):
    """Two models, and a worker that answers with the phantom's truth."""
    store = store_with(
        tmp_path / "models",
        {"id": "light", "recommended": "true"},
        {"id": "other", "score_threshold": 0.75},
    )

    def answer(volume, model_id, options):
        return truth_result(small_phantom(), store.card(model_id), options, volume)

    worker = ScriptedWorker(answer)
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    return SimpleNamespace(store=store, worker=worker, messages=messages, folder=tmp_path)


@pytest.fixture
def truth(bench):
    """What the worker answers at the recommended model's thresholds."""
    options = LesionOptions(score_threshold=0.6, mask_threshold=0.5)
    return truth_result(small_phantom(), bench.store.card("light"), options)


@pytest.fixture
def ct(slicer):
    """The phantom's CT in the scene."""
    from medai import scene

    return scene.show_volume(small_phantom().volume)


@pytest.fixture
def done(bench, ct, open_panel):
    """The panel after a run."""
    panel = open_panel(NAME)
    run(panel)
    assert bench.messages.shown == []
    return panel


def run(panel):
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running)


def names(node):
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]
    return {
        segment_id: node.GetDisplayNode().GetSegmentVisibility(segment_id) for segment_id in ids
    }


def rows(panel):
    table = panel.ui.findingsTable
    columns = range(table.columnCount())
    return [[table.item(r, c).text() for c in columns] for r in range(table.rowCount())]


def drag(panel, slider, value):
    """Move a slider and wait until the result follows."""
    slider.setValue(value)
    assert panel.wait(until=lambda: not panel.widget._rethreshold._timer.isActive())


# What the module says about itself.


def test_the_module_describes_itself_and_offers_a_synthetic_ct(module, slicer):
    import SampleData

    parent = slicer.modules.lesionsegmentation.module.parent
    assert parent.title == "Lesion Segmentation" and parent.categories == ["MedAI"]
    assert "Research use only" in parent.helpText and not parent.icon.isNull()
    source = SampleData.sources["Synthetic chest CT"]
    assert source.category == "MedAI"
    assert source.customDownloader.__module__ == NAME


def test_the_sample_is_made_in_the_scene_when_asked_for(module, slicer, monkeypatch):
    phantoms = sys.modules["medai.phantoms"]
    monkeypatch.setattr(phantoms, "chest_ct", lambda: small_phantom())
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    node = module.make_sample(SimpleNamespace(sampleName="x"))[0]
    assert np.array_equal(slicer.util.arrayFromVolume(node), small_phantom().volume.array)


def test_the_panel_has_the_five_sections_in_order_and_a_tooltip_on_every_control(bench, open_panel):
    import qt

    panel = open_panel(NAME)
    layout = panel.ui.inputSection.parent().layout()
    sections = [layout.itemAt(i).widget() for i in range(5)]
    assert [s.text() for s in sections] == ["Input", "Model", "Run", "Result", "Export"]
    controls = ("QPushButton", "QCheckBox", "QComboBox", "ctkSliderWidget", "qMRMLNodeComboBox")
    found = [
        child
        for section in sections
        for child in section.findChildren(qt.QWidget)
        if child.metaObject().className() in controls and child.objectName()
    ]
    assert len(found) >= 14
    assert [child.objectName() for child in found if not child.toolTip()] == []
    research = [c for s in sections for c in s.children() if c.objectName() == "researchUseLabel"]
    assert len(research) == 1 and research[0].text().startswith("Research use only")


def test_the_panel_opens_without_torch():
    """Slicer starts without torch; the panel must open and say so only when Run is pressed."""
    code = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'matplotlib', 'typer', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "from Testing.standins import open_panel\n"
        "panel = open_panel('LesionSegmentation')\n"
        "assert panel.ui.burdenLabel.text().startswith('No result yet')\n"
        "panel.close()\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


# Before a run.


def test_without_a_ct_run_says_what_is_missing_and_results_say_why_they_rest(bench, open_panel):
    panel = open_panel(NAME)
    assert not panel.widget._run.button.isEnabled()
    assert panel.widget._run.status.text() == "Choose a chest CT first."
    for control in (panel.ui.scoreSlider, panel.ui.boxesCheckBox, panel.widget._export.button):
        assert not control.isEnabled()
        assert "There is no result yet" in control.toolTip()


def test_a_ct_in_the_scene_and_the_recommended_model_are_chosen_already(bench, ct, open_panel):
    panel = open_panel(NAME)
    assert panel.widget.parameters.inputVolume is ct
    assert panel.widget.parameters.modelId == "light"
    assert panel.widget._run.button.isEnabled()
    assert "40 slices of one collection" in panel.widget._model.summary.text()
    assert panel.ui.scoreSlider.value == 0.6  # the card's


def test_another_model_brings_its_own_threshold(bench, ct, open_panel):
    panel = open_panel(NAME)
    panel.widget._model.combo.setCurrentIndex(1)
    assert panel.widget.parameters.modelId == "other"
    assert panel.widget.parameters.scoreThreshold == panel.ui.scoreSlider.value == 0.75


# A run.


def test_a_run_gets_the_chosen_ct_model_and_options(bench, ct, open_panel):
    panel = open_panel(NAME)
    panel.ui.scoreSlider.setValue(0.7)
    panel.ui.deviceSelector.setCurrentText("cpu")
    run(panel)
    (job,) = bench.worker.jobs
    volume, model_id, options = job.arguments
    assert job.task == "lesions" and model_id == "light"
    assert np.array_equal(volume.array, small_phantom().volume.array)
    assert (options.score_threshold, options.mask_threshold, options.device) == (0.7, 0.5, "cpu")


def test_after_a_run_the_sentence_the_table_and_the_nodes_are_there(done, truth, slicer):
    assert done.ui.burdenLabel.text() == burden_sentence(truth.burden)
    assert done.ui.notesLabel.text() == "Made from the truth." and done.ui.notesLabel.isVisible()
    first, lesion = rows(done)[0], truth.findings[0]
    assert len(rows(done)) == len(truth.findings) > 3
    assert first[:3] == ["1", f"{lesion.volume_ml:.1f}", f"{lesion.mean_hu:.0f}"]
    assert first[3:] == [f"{lesion.score:.2f}", ZONE_NAMES[lesion.zone], "lesion"]
    shown = names(done.widget._nodes.segmentation)
    assert shown["lesion"] and shown["right lung"] and not shown["right upper zone"]
    assert done.widget._export.button.isEnabled() and done.ui.boxesCheckBox.isEnabled()


def test_while_it_runs_the_choices_rest_and_say_why(bench, ct, open_panel):
    panel = open_panel(NAME)
    bench.worker.steps = [Progress(0.5, "Slice 10 of 20")] * 1000
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: panel.widget._run.status.text() == "Slice 10 of 20")
    for control in (panel.ui.inputVolumeSelector, panel.widget._model.combo):
        assert not control.isEnabled() and "Wait for the run to end" in control.toolTip()
    panel.widget._run.button.click()
    assert panel.wait(until=lambda: not panel.widget._run.running)
    assert panel.ui.inputVolumeSelector.isEnabled()
    assert panel.ui.burdenLabel.text().startswith("No result yet")


def test_a_failed_run_shows_one_line_and_keeps_the_result_before(done, bench, truth):
    def fail(*arguments):
        raise InputError("ct: no lungs in view.")

    bench.worker.end = fail
    run(done)
    assert [m.text for m in bench.messages.shown] == ["ct: no lungs in view."]
    assert done.ui.burdenLabel.text() == burden_sentence(truth.burden)
    assert len(rows(done)) == len(truth.findings)


def test_a_second_run_updates_the_nodes_instead_of_adding_more(done, slicer):
    count = slicer.mrmlScene.GetNumberOfNodes()
    run(done)
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_closing_the_scene_in_the_middle_of_a_run_breaks_nothing(
    bench, ct, open_panel, slicer, truth
):
    panel = open_panel(NAME)
    bench.worker.steps = [Progress(0.5, "Slice 10 of 20")] * 3
    panel.widget._run.button.click()
    panel.wait()
    slicer.mrmlScene.Clear(0)
    assert bench.worker.jobs[0].wants_cancel
    assert panel.wait(until=lambda: bench.worker.jobs[0].state == "cancelled")
    assert panel.ui.burdenLabel.text().startswith("No result yet") and not panel.widget._result
    assert panel.widget._run.status.text() == "Choose a chest CT first."
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
    assert bench.messages.shown == []
    from medai import scene

    scene.show_volume(small_phantom().volume)
    assert panel.wait(until=panel.widget._run.button.isEnabled)
    bench.worker.steps = []
    run(panel)
    assert panel.ui.burdenLabel.text() == burden_sentence(truth.burden)
    assert bench.messages.shown == []


def test_a_ct_that_is_deleted_while_it_is_segmented_is_missed_in_plain_words(
    bench, ct, open_panel, slicer
):
    panel = open_panel(NAME)
    panel.widget._run.button.click()
    slicer.mrmlScene.RemoveNode(ct)
    assert panel.wait(until=lambda: not panel.widget._run.running)
    (message,) = bench.messages.shown
    assert "no longer in the scene" in message.text and message.details == ""
    assert panel.ui.burdenLabel.text().startswith("No result yet")


def test_closing_the_scene_after_a_run_forgets_the_result(done, bench, slicer):
    slicer.mrmlScene.Clear(0)
    assert rows(done) == [] and done.ui.burdenLabel.text().startswith("No result yet")
    assert not done.widget._export.button.isEnabled() and bench.messages.shown == []


# After a run.


def test_dragging_the_score_threshold_changes_the_lesions_without_another_run(done, bench, truth):
    for value in (0.70, 0.80, 0.88):
        done.ui.scoreSlider.setValue(value)
    drag(done, done.ui.scoreSlider, 0.88)
    assert len(bench.worker.jobs) == 1
    expected = rethreshold(truth, score_threshold=0.88)
    assert 0 < len(expected.findings) < len(truth.findings)
    assert [row[1] for row in rows(done)] == [f"{f.volume_ml:.1f}" for f in expected.findings]
    assert done.ui.burdenLabel.text() == burden_sentence(expected.burden)
    drag(done, done.ui.scoreSlider, 0.6)
    assert len(rows(done)) == len(truth.findings)


def test_the_segment_in_the_scene_follows_the_threshold(done, slicer):
    def voxels():
        node = done.widget._nodes.segmentation
        return int(slicer.util.arrayFromSegmentBinaryLabelmap(node, "lesion").sum())

    before = voxels()
    drag(done, done.ui.maskSlider, 0.9)
    tight = voxels()
    drag(done, done.ui.maskSlider, 0.1)
    assert tight < before < voxels()


def test_a_drag_recomputes_once_for_many_steps(done, monkeypatch):
    calls = []
    real = done.logic.rethreshold
    monkeypatch.setattr(done.widget.logic, "rethreshold", lambda *a: (calls.append(a), real(*a))[1])
    for step in range(10):
        done.ui.scoreSlider.setValue(0.70 + step / 100)
    assert done.wait(until=lambda: done.widget._result.options.score_threshold == 0.79)
    assert len(calls) == 1


def test_toggles_show_and_hide_what_they_name(done, slicer):
    nodes = done.widget._nodes
    done.ui.lungsCheckBox.click()
    shown = names(nodes.segmentation)
    assert not shown["right lung"] and not shown["left lung"] and shown["lesion"]
    done.ui.lesionsCheckBox.click()
    assert not names(nodes.segmentation)["lesion"]
    assert not nodes.boxes.GetDisplayNode().GetVisibility()
    done.ui.boxesCheckBox.click()
    assert nodes.boxes.GetDisplayNode().GetVisibility()
    assert nodes.box_scores.GetDisplayNode().GetVisibility()


def test_surfaces_are_made_when_asked_for_follow_the_threshold_and_go_again(done):
    segmentation = done.widget._nodes.segmentation.GetSegmentation()

    def polygons(name):
        surface = segmentation.GetSegment(name).GetRepresentation("Closed surface")
        return 0 if surface is None else surface.GetNumberOfPolys()

    assert polygons("lesion") == 0
    done.ui.surfacesCheckBox.click()
    before, lung = polygons("lesion"), polygons("right lung")
    assert before > 0 and lung > 0
    drag(done, done.ui.scoreSlider, 0.88)
    assert 0 < polygons("lesion") < before and polygons("right lung") == lung
    done.ui.surfacesCheckBox.click()
    assert polygons("lesion") == 0


def test_nodes_that_the_user_deletes_are_missed_without_a_fuss(done, bench, slicer):
    nodes = done.widget._nodes
    for node in (nodes.segmentation, nodes.probability, nodes.boxes, nodes.zone_plot):
        slicer.mrmlScene.RemoveNode(node)
    for name in ("lungs", "lesions", "boxes", "probability", "surfaces"):
        getattr(done.ui, f"{name}CheckBox").click()
    assert bench.messages.shown == []
    done.ui.zonesButton.click()
    assert "no longer in the scene" in bench.messages.shown[0].text
    drag(done, done.ui.scoreSlider, 0.88)  # makes them anew
    assert done.widget._nodes.segmentation.GetScene() is slicer.mrmlScene
    assert len(bench.messages.shown) == 1


def test_a_deleted_ct_rests_what_draws_and_leaves_the_export(done, bench, ct, slicer):
    slicer.mrmlScene.RemoveNode(ct)
    done.wait()
    assert not done.ui.scoreSlider.isEnabled() and not done.ui.lungsCheckBox.isEnabled()
    assert "no longer in the scene" in done.ui.scoreSlider.toolTip()
    assert done.widget._export.button.isEnabled() and bench.messages.shown == []


def test_a_label_map_of_the_users_own_stays_while_no_map_is_asked_for(done, slicer):
    own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "own")
    slicer.util.setSliceViewerLayers(label=own)
    done.ui.lungsCheckBox.click()
    composite = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    assert composite.GetLabelVolumeID() == own.GetID()


def test_one_map_at_a_time_lies_over_the_ct_with_its_legend(done, slicer):
    from medai.scene.color_maps import legend_of

    nodes = done.widget._nodes
    composite = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()

    def over_the_ct():
        return {composite.GetLabelVolumeID(), composite.GetForegroundVolumeID()} - {None, ""}

    done.ui.probabilityCheckBox.click()
    assert over_the_ct() == {nodes.probability.GetID()}
    assert legend_of(nodes.probability).GetVisibility()
    done.ui.scoreMapCheckBox.click()
    assert over_the_ct() == {nodes.score_map.GetID()}
    assert not done.ui.probabilityCheckBox.isChecked()
    assert not legend_of(nodes.probability).GetVisibility()
    done.ui.scoreMapCheckBox.click()
    assert over_the_ct() == set()


def test_a_click_on_a_row_takes_every_view_to_the_lesion(done, slicer):
    done.ui.findingsTable.selectRow(2)
    center = done.widget._result.findings[2].center_ras
    for name, axis in (("Red", 2), ("Green", 1), ("Yellow", 0)):
        node = slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode()
        assert node.GetSliceToRAS().GetElement(axis, 3) == pytest.approx(center[axis])


def test_plots_come_into_the_view_layout(done, slicer):
    done.ui.histogramButton.click()
    views = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")
    assert [v.GetPlotChartNodeID() for v in views] == [done.widget._nodes.score_histogram.GetID()]
    done.ui.scatterButton.click()
    assert views[0].GetPlotChartNodeID() == done.widget._nodes.area_score_plot.GetID()
    done.ui.zonesButton.click()
    assert views[0].GetPlotChartNodeID() == done.widget._nodes.zone_plot.GetID()


def test_export_writes_the_result_into_one_new_folder(done, bench):
    target = bench.folder / "out"
    target.mkdir()
    done.widget._export.path.setCurrentPath(str(target))
    done.widget._export.button.click()
    assert bench.messages.shown == []
    written = {path.name for path in (target / "lesions").iterdir()}
    assert {"lesions.seg.nrrd", "lesions.csv", "summary.json", "report.html"} <= written


def test_a_model_without_regions_rests_what_needs_them_and_says_so(bench, ct, open_panel):
    answer = bench.worker.end
    bench.worker.end = lambda *arguments: without_regions(answer(*arguments))
    panel = open_panel(NAME)
    run(panel)
    assert bench.messages.shown == []
    for control in (panel.ui.scoreSlider, panel.ui.boxesCheckBox, panel.ui.scatterButton):
        assert not control.isEnabled()
        assert "gives no regions with scores" in control.toolTip()
    assert panel.ui.maskSlider.isEnabled()
    drag(panel, panel.ui.maskSlider, 0.3)
    assert panel.widget._result.options.mask_threshold == 0.3
    panel.wait(seconds=0.1)
    assert not panel.widget._rethreshold._timer.isActive()  # and it comes to rest


def test_the_sentence_names_its_ct_once_another_one_is_chosen(done, slicer, truth):
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "prior")
    done.widget.parameters.inputVolume = other
    assert done.ui.burdenLabel.text() == f"Chest CT phantom: {burden_sentence(truth.burden)}"


# Keeping and leaving.


def test_what_was_chosen_comes_back_with_a_saved_scene(done, bench, slicer):
    done.widget._model.combo.setCurrentIndex(1)
    drag(done, done.ui.scoreSlider, 0.82)
    done.ui.lungsCheckBox.click()
    path = bench.folder / "scene.mrb"
    from medai import scene

    scene.save_scene(path)
    slicer.mrmlScene.Clear(0)
    assert done.widget.parameters.scoreThreshold != 0.82
    slicer.util.loadScene(str(path))
    done.wait()
    parameters = done.widget.parameters
    assert parameters.inputVolume.GetName() == "Chest CT phantom"
    assert (parameters.modelId, parameters.scoreThreshold) == ("other", 0.82)
    assert not parameters.showLungs and not done.ui.lungsCheckBox.isChecked()
    assert done.ui.scoreSlider.value == 0.82 and done.widget._model.model_id == "other"


def test_a_scene_saved_with_a_model_that_isnt_here_takes_one_that_is(bench, ct, open_panel):
    panel = open_panel(NAME)
    panel.widget.parameters.modelId = "gone"
    assert panel.widget.parameters.modelId == panel.widget._model.model_id


def test_coming_back_to_the_panel_neither_loses_the_result_nor_doubles_a_click(done, bench, truth):
    for _ in range(3):
        done.widget.exit()
        done.widget.enter()
    assert len(rows(done)) == len(truth.findings)
    run(done)
    assert len(bench.worker.jobs) == 2


def test_a_run_goes_on_while_another_panel_is_shown(bench, ct, open_panel, truth):
    panel = open_panel(NAME)
    panel.widget._run.button.click()
    panel.window.isEntered = False
    panel.widget.exit()
    assert panel.wait(until=lambda: not panel.widget._run.running)
    panel.widget.enter()
    assert len(rows(panel)) == len(truth.findings) and bench.messages.shown == []


def test_a_closed_panel_lets_go_of_the_scene_the_worker_and_every_signal(
    bench, ct, open_panel, slicer
):
    panel = open_panel(NAME)
    run(panel)
    panel.widget.cleanup()
    assert bench.worker.closed and panel.widget.Observations == []
    panel.widget._run.button.click()
    panel.ui.histogramButton.click()
    slicer.mrmlScene.Clear(0)
    assert len(bench.worker.jobs) == 1 and bench.messages.shown == []


# The logic alone.


def test_the_logic_segments_in_this_process_for_scripts(module, ct, monkeypatch):
    asked = []
    model, result = object(), object()
    store = SimpleNamespace(load=lambda model_id, task: asked.append((model_id, task)) or model)
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr(
        module, "segment_lesions", lambda *arguments: asked.append(arguments) or result
    )
    assert module.LesionSegmentationLogic().segment(ct) is result
    assert asked[0] == (None, "lesions") and asked[1][1] is model
    assert asked[1][0].name == "Chest CT phantom"


def test_the_logic_refuses_what_is_no_ct_in_one_line(module, slicer):
    logic = module.LesionSegmentationLogic()
    with pytest.raises(InputError, match="choose a chest CT"):
        logic.segment(None, "light")
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    with pytest.raises(InputError, match="empty"):
        logic.start(empty, "light", module.LesionOptions())
