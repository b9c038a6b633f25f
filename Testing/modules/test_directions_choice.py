"""The lesion panel's choice of directions reaches the run, and says what is then missing."""

from __future__ import annotations

import pytest

from medai.inference.running.planes import PLANES
from Testing.modules.cards import store_with
from Testing.modules.lesion_results import small_phantom, truth_result, without_regions
from Testing.standins.worker import ScriptedWorker

pytestmark = pytest.mark.xdist_group("panels")


def test_three_directions_are_asked_for_and_leave_no_regions(
    slicer, open_panel, monkeypatch, tmp_path, messages
) -> None:
    from medai import scene
    from Testing.standins import load_module

    module = load_module("LesionSegmentation")
    store = store_with(tmp_path / "models", {"id": "light", "recommended": "true"})
    asked = []

    def answer(volume, model_id, options):
        asked.append(options.planes)
        return without_regions(truth_result(small_phantom(), store.card(model_id), options, volume))

    monkeypatch.setattr(module, "ModelStore", lambda: store)
    monkeypatch.setattr("medai_panels.worker_logic.new_worker", lambda: ScriptedWorker(answer))
    panel = open_panel("LesionSegmentation")
    panel.widget.parameters.inputVolume = scene.show_volume(small_phantom().volume)
    for ticked, directions in ((False, ("axial",)), (True, PLANES)):
        panel.ui.directionsCheckBox.setChecked(ticked)
        panel.widget._run.button.click()
        assert panel.wait(until=lambda: not panel.widget._run.running)
        assert asked[-1] == directions
    assert messages.shown == []
    assert not panel.ui.scoreSlider.isEnabled()
    assert "Averaged over directions" in panel.ui.scoreSlider.toolTip()
