"""A whole study through the Lesion Segmentation panel: the window is never kept for long.

Counted is the main thread's own time on the processor between two turns of the event loop, so that
a busy machine changes nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.event_loop_turns import TurnsOfTheEventLoop
from Testing.large_chest import large_chest

pytestmark = pytest.mark.xdist_group("panels")
LONGEST_TURN_S = 0.1
# A chest in slices of 1.9 mm.
SHAPE = (160, 512, 512)


def finds_some_regions(network) -> None:
    """Random weights give all regions the same score; spread, one in twenty is past a half."""
    network.roi_heads.box_predictor.cls_score.weight.data *= 40


@pytest.fixture
def panel(slicer, open_panel, messages, monkeypatch, tmp_path):
    """The panel with a large CT, a small Mask R-CNN and the real inference process."""
    from medai import scene
    from medai.inference.worker.inference_worker import Worker
    from medai.models import ModelStore
    from Testing.model_folders import write_model
    from Testing.standins import load_module

    write_model(
        tmp_path / "tiny", "lesion_mask_rcnn", ("lesion",), change=finds_some_regions, size=64
    )
    module = load_module("LesionSegmentation")
    monkeypatch.setattr(module, "ModelStore", lambda: ModelStore([tmp_path]))
    monkeypatch.setattr(
        "medai_panels.worker_logic.new_worker", lambda: Worker(model_folders=[Path(tmp_path)])
    )
    scene.show_volume(large_chest(SHAPE))
    return open_panel("LesionSegmentation")


def test_from_click_to_shown_result_twice_in_many_turns(panel, messages):
    """The first time, and the second, when there is a result to be replaced."""
    run = panel.widget._run
    with TurnsOfTheEventLoop() as turns:
        for _ in range(2):
            run.button.click()
            assert panel.wait(until=lambda: not run.running, seconds=120)
            assert messages.shown == [] and run.status.text().startswith("Done in")
    result, nodes = panel.widget._result, panel.widget._nodes
    assert result.volume.grid_shape == SHAPE
    assert len(result.findings) > 0 and len(result.rois) > 1000
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 9
    assert nodes.probability.GetImageData().GetDimensions() == SHAPE[::-1]
    assert nodes.score_map is not None and nodes.boxes is not None
    assert len(turns.seconds) > 50
    assert max(turns.seconds) <= LONGEST_TURN_S, sorted(turns.seconds)[-5:]
