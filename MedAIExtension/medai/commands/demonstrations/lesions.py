"""A chest CT with lesions of known volume goes in; lesions, lungs and numbers come out."""

from __future__ import annotations

import numpy as np

from medai.commands.demonstrations.demonstration import Demonstration, DemoRun


def demonstrate(run: DemoRun) -> Demonstration:
    """Segment a chest phantom and hold the result against its truth."""
    from medai.agreement import dice
    from medai.inference import LesionOptions, segment_lesions
    from medai.models import ModelStore
    from medai.phantoms import chest_ct
    from medai.reports.lesions import key_slices, summary_of
    from medai.reports.write import write_files

    phantom = chest_ct(shape=(64, 256, 256), spacing_mm=(5.0, 1.4, 1.4), seed=7)
    store = ModelStore()
    card = store.recommended("lesions")
    result = segment_lesions(
        phantom.volume,
        store.load(card.id, task="lesions"),
        LesionOptions(device=run.device),
        run.progress,
        run.cancelled,
    )
    write_files(result, run.folder)
    if run.has_scene:
        from medai import scene

        scene.show(result, scene.show_volume(phantom.volume))
    overlap = dice(result.lesions > 0, phantom.lesions > 0)
    true_percent = 100.0 * float(np.mean(phantom.lesions[phantom.lungs > 0] > 0))
    pictures, probability = key_slices(result)
    return Demonstration(
        title="Lesions on a chest CT",
        sentences=(
            result.sentence,
            f"The truth built into this synthetic study is {true_percent:.1f} % of lung; found "
            f"and true lesions overlap with a Dice of {overlap:.2f}.",
            f"Model: {card.summary}",
        ),
        pictures=tuple(pictures[:3]) + ((probability,) if probability else ()),
        links=(
            ("lesions/report.html", "The full report"),
            ("lesions/lesions.csv", "Every region as a table"),
            ("lesions/lesions.seg.nrrd", "The segmentation, for 3D Slicer"),
        ),
        summary=summary_of(result) | {"true_opacity_percent": true_percent, "dice": overlap},
    )
