"""Synthetic OCT scans of two eyes go in; where and how much of each lens is opaque comes out."""

from __future__ import annotations

import numpy as np

from medai.commands.demonstrations.demonstration import Demonstration, DemoRun

_SHAPE = (912, 1075)


def demonstrate(run: DemoRun) -> Demonstration:
    """Map a right eye with cataract and a clear left one, and hold the result against the truth."""
    from medai.images.oct_scans import eye_from_volume
    from medai.inference.cataract.mapping import map_cataract
    from medai.inference.cataract.result import CataractOptions
    from medai.models import ModelStore
    from medai.phantoms.lens_oct import lens_oct
    from medai.phantoms.lens_opacities import Opacity
    from medai.reports.cataract import overlay_picture, summary_of
    from medai.reports.write import write_files

    opaque = (
        Opacity("nuclear", density=0.6, radius_mm=2.4),
        Opacity("cortical", density=0.8, radius_mm=0.9, distance_mm=1.5, azimuth_deg=20),
    )
    phantoms = (lens_oct(_SHAPE, opacities=opaque, seed=12), lens_oct(_SHAPE, seed=13))
    eyes = (
        eye_from_volume(phantoms[0].volume, "right"),
        eye_from_volume(phantoms[1].volume, "left"),
    )
    store = ModelStore()
    card = store.recommended("cataract")
    result = map_cataract(
        eyes,
        store.load(card.id, task="cataract"),
        CataractOptions(device=run.device),
        run.progress,
        run.cancelled,
    )
    write_files(result, run.folder)
    if run.has_scene:
        from medai import scene
        from medai.scene.oct_scans import show_scans

        scene.show(result, [show_scans(eye) for eye in eyes])
    truth = [float(np.mean(phantom.fractions)) for phantom in phantoms]
    return Demonstration(
        title="Cataract on OCT of both eyes",
        sentences=(
            result.sentence,
            f"The truth built into these synthetic eyes is {truth[0]:.2f} right and "
            f"{truth[1]:.2f} left.",
            f"Model: {card.summary}",
        ),
        pictures=tuple(overlay_picture(eye, scan) for eye in result.eyes for scan in (0, 3)),
        links=(
            ("cataract/report.html", "The full report"),
            ("cataract/scans.csv", "Every scan as a table"),
            ("cataract/eyes.csv", "Both eyes as a table"),
        ),
        summary=summary_of(result) | {"true_fractions": truth},
    )
