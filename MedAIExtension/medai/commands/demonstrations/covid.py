"""A patient's chest CT on two dates goes in; likelihood, reasons, severity and change come out."""

from __future__ import annotations

import numpy as np

from medai.commands.demonstrations.demonstration import Demonstration, DemoRun

_SHAPE, _SPACING_MM = (40, 160, 160), (8.0, 2.3, 2.3)
_GROWTH = 1.6


def demonstrate(run: DemoRun) -> Demonstration:
    """Assess a chest phantom against its own earlier date, beside the built-in truth."""
    from medai.inference.covid.assess import assess_covid
    from medai.inference.covid.assessment import CovidChoices
    from medai.inference.covid.result import CovidOptions
    from medai.inference.lesions.result import LesionOptions
    from medai.models import ModelStore
    from medai.phantoms import chest_ct
    from medai.reports.covid import explained_pictures, summary_of
    from medai.reports.lesions import key_slices
    from medai.reports.write import write_files

    earlier, later = (
        chest_ct(_SHAPE, _SPACING_MM, seed=21, growth=growth) for growth in (1.0, _GROWTH)
    )
    store = ModelStore()
    card = store.recommended("covid")
    result = assess_covid(
        later.volume,
        store.load(card.id, task="covid"),
        CovidChoices(
            classification=CovidOptions(device=run.device, explained_slices=4),
            lesion_model=store.load(task="lesions"),
            lesions=LesionOptions(device=run.device),
            prior=earlier.volume,
        ),
        run.progress,
        run.cancelled,
    )
    write_files(result, run.folder)
    if run.has_scene:
        from medai import scene

        scene.show(result, scene.show_volume(later.volume))
    true_percent = [
        100.0 * float(np.mean(phantom.lesions[phantom.lungs > 0] > 0))
        for phantom in (earlier, later)
    ]
    pictures = explained_pictures(result.classification, 2)
    if result.lesions is not None:
        pictures += key_slices(result.lesions)[0][:2]
    return Demonstration(
        title="COVID-19, severity and what changed",
        sentences=(
            result.sentence,
            f"The truth built into these synthetic studies is {true_percent[0]:.1f} % of lung "
            f"before and {true_percent[1]:.1f} % now. Whether it is COVID-19 has no truth here: "
            "the network has only ever seen real pictures.",
            f"Model: {card.summary}",
        ),
        pictures=tuple(pictures),
        links=(
            ("covid/report.html", "The full report"),
            ("covid/slices.csv", "Every slice as a table"),
        ),
        summary=summary_of(result) | {"true_opacity_percent": true_percent},
    )
