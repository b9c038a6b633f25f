"""The Lesion Segmentation panel with the real inference process and a small network."""

from __future__ import annotations

import pytest

from Testing.modules.lesion_results import small_phantom

pytestmark = pytest.mark.xdist_group("panels")


def test_a_run_in_the_process_shows_a_result_and_the_second_can_be_cancelled(
    slicer, open_panel, messages, monkeypatch, tmp_path
):
    from medai import scene
    from medai.inference.worker.inference_worker import Worker
    from medai.models import ModelStore
    from Testing.model_folders import write_model
    from Testing.standins import load_module

    write_model(tmp_path / "tiny", "unet", ("lesion",), size=64, classes=2, width=4)
    module = load_module("LesionSegmentation")
    worker = Worker(model_folders=[tmp_path])
    monkeypatch.setattr(module, "ModelStore", lambda: ModelStore([tmp_path]))
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: worker)
    node = scene.show_volume(small_phantom().volume)
    panel = open_panel("LesionSegmentation")
    run = panel.widget._run

    run.button.click()
    assert panel.wait(until=lambda: not run.running, seconds=120)
    assert messages.shown == [] and run.status.text().startswith("Done in")
    result = panel.widget._result
    assert result.lesions.shape == slicer.util.arrayFromVolume(node).shape
    assert result.card.id == "tiny" and result.rois is None
    assert not panel.ui.scoreSlider.isEnabled()

    process = worker.pid
    run.button.click()
    panel.wait()
    run.button.click()
    assert panel.wait(until=lambda: not run.running, seconds=10)
    assert run.status.text() == "Cancelled." and panel.widget._result is result
    panel.close()
    assert process is not None and worker.pid is None
