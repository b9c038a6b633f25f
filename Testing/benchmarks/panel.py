"""From the click on Run to the result shown in the Lesion Segmentation panel, on a warm worker.

``python -m Testing.benchmarks.panel``. The real panel on stand-ins for Slicer's widgets, the real
scene, the inference process and the recommended Mask R-CNN, else the recommended lesion model.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from medai.inference import rethreshold
from medai.models import ModelStore

TARGET_SECONDS = 1.0
TARGET_TURN_SECONDS = 0.1
# Slices of a chest of 300 mm; 512×512 pixels each.
SLICES = (100, 300)


@dataclass
class Times:
    """When, in seconds after the click, the network saw its first and last slice; when all was
    shown. longest_turn: of the main thread, on the processor, between two turns of its loop."""

    network_began: float
    network_ended: float
    shown: float
    longest_turn: float

    @property
    def network(self) -> float:
        """The network's own time."""
        return self.network_ended - self.network_began


def times_of_a_run(panel: Any) -> Times:
    """Press Run and watch."""
    from Testing.event_loop_turns import TurnsOfTheEventLoop

    run = panel.widget._run
    began, seen = time.perf_counter(), []

    def ended() -> bool:
        job = run._job
        if job is not None and job.progress.message.startswith("Finding lesions"):
            seen.append(time.perf_counter() - began)
        return not run.running

    with TurnsOfTheEventLoop() as turns:
        run.button.click()
        panel.wait(until=ended, seconds=3600)
    assert panel.widget._result is not None, run.status.text()
    return Times(seen[0], seen[-1], time.perf_counter() - began, max(turns.seconds))


def main() -> None:
    """Print what comes on top of the network's own time, and of what it is made."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from medai import scene
    from Testing.large_chest import large_chest
    from Testing.standins import install, open_panel

    store = ModelStore()
    cards = [c for c in store.cards("lesions") if c.network and c.network.name != "unet"]
    if not store.cards("lesions"):
        print("No lesion model is shipped here: nothing to measure.")
        return
    slicer = install()
    for slices in SLICES:
        slicer.mrmlScene.Clear(0)
        scene.show_volume(large_chest((slices, 512, 512)))
        panel = open_panel("LesionSegmentation")
        panel.widget.parameters.modelId = (cards or store.cards("lesions"))[0].id
        times_of_a_run(panel)  # Starts the process and loads the model.
        times = times_of_a_run(panel)
        result = panel.widget._result
        began = time.perf_counter()
        rethreshold(result, mask_threshold=0.4)
        slider = time.perf_counter() - began
        panel.close()
        more = times.shown - times.network
        print(
            f"{slices} slices, {result.card.id}: {times.shown:.1f} s, of it network "
            f"{times.network:.1f} s; on top {more:.2f} s, target under {TARGET_SECONDS:g} s "
            f"{'met' if more < TARGET_SECONDS else 'MISSED'} (before it, study passed and lungs "
            f"found, {times.network_began:.2f} s; after it, {len(result.findings)} lesions "
            f"painted, measured and shown, {times.shown - times.network_ended:.2f} s)"
        )
        turn = 1000 * times.longest_turn
        print(
            f"  longest turn of the main thread {turn:.0f} ms, target under "
            f"{1000 * TARGET_TURN_SECONDS:g} ms {'met' if turn < 100 else 'MISSED'}; "
            f"other thresholds in {slider:.2f} s"
        )


if __name__ == "__main__":
    main()
