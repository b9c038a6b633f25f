"""What a scene of another computer brings along, and what a panel leaves when it goes."""

from __future__ import annotations

import pytest

from medai.models import ModelStore
from Testing.cataract.cards import write_card
from Testing.model_folders import write_model
from Testing.modules.cards import store_with
from Testing.modules.cataract_results import small_scans
from Testing.modules.lesion_results import small_phantom
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")
GONE = "a-model-of-another-computer"


@pytest.fixture(params=["LesionSegmentation", "CovidClassification", "CataractMap"])
def panel(request, slicer, open_panel, monkeypatch, tmp_path):
    """A panel with one installed model, a chosen input, and a worker that only listens."""
    from medai import scene
    from medai.scene.oct_scans import show_scans
    from Testing.standins import load_module

    module = load_module(request.param)
    if request.param == "CataractMap":
        write_card(tmp_path, "installed", recommended=True, threshold=0.2)
    elif request.param == "CovidClassification":
        write_model(tmp_path / "installed", "ctnet10", ("COVID-19",), size=128, task="covid")
    else:
        store_with(tmp_path, {"id": "installed", "recommended": "true"})
    store = ModelStore([tmp_path])
    monkeypatch.setattr(module, "ModelStore", lambda: store)
    worker = ScriptedWorker(lambda *_: None)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    if request.param == "CataractMap":
        node = show_scans(small_scans()[0])
    else:
        node = scene.show_volume(small_phantom().volume)
    panel = open_panel(request.param)
    panel.worker = worker
    chosen = "rightScans" if request.param == "CataractMap" else "inputVolume"
    setattr(panel.widget.parameters, chosen, node)
    if request.param == "CovidClassification":
        panel.widget.parameters.measureSeverity = False
    return panel


def test_a_scene_of_an_unknown_model_says_so_and_runs_with_the_one_that_is_shown(
    slicer, panel, messages, tmp_path
):
    widget, node = panel.widget, panel.widget.parameters.parameterNode
    widget.exit()  # an open panel would put its own model back at once
    node.SetParameter("modelId", GONE)
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    node.SetParameter("modelId", "installed")
    widget.enter()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    panel.wait()
    assert GONE in widget._model.missing.text() and widget._model.missing.isVisibleTo(panel.window)
    assert widget.parameters.modelId == widget._model.model_id == "installed"
    widget._run.button.click()
    (job,) = panel.worker.jobs
    assert job.arguments[1] == "installed"
    assert messages.shown == []


@pytest.mark.parametrize("panel", ["CataractMap"], indirect=True)
def test_crop_boxes_go_with_the_panel_and_come_back(slicer, panel):
    (crop,) = panel.widget._crops
    assert crop.roi.GetDisplayNode().GetVisibility()
    panel.widget.exit()
    assert not crop.roi.GetDisplayNode().GetVisibility()
    panel.widget.enter()
    assert crop.roi.GetDisplayNode().GetVisibility()
