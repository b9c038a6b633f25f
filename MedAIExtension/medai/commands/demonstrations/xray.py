"""A chest phantom seen by X-rays goes in, on two dates; opacities and scores come out."""

from __future__ import annotations

from medai.commands.demonstrations.demonstration import Demonstration, DemoRun


def demonstrate(run: DemoRun) -> Demonstration:
    """Project a chest on two dates, run the network, write the report, show the last film."""
    from dataclasses import replace

    from medai.inference.xray.assessment import assess_radiographs
    from medai.inference.xray.result import XrayOptions
    from medai.models import ModelStore
    from medai.phantoms.chest_radiograph import ill_chest, project_chest
    from medai.reports.write import write_files
    from medai.reports.xray import film_picture, summary_of

    phantoms = [project_chest(ill_chest(growth)) for growth in (0.3, 1.0)]
    films = tuple(
        replace(phantom.volume, name=f"film {number}")
        for number, phantom in enumerate(phantoms, start=1)
    )
    model = ModelStore().load(task="xray")
    result = assess_radiographs(
        films, model, XrayOptions(device=run.device), run.progress, run.cancelled
    )
    write_files(result, run.folder)
    if run.has_scene:
        from medai import scene

        node = scene.show_volume(films[-1])
        scene.show(replace(result, films=result.films[-1:]), node)
    truth = [phantom.opacity_percent for phantom in phantoms]
    return Demonstration(
        title="Chest X-ray on two dates",
        sentences=(
            result.sentence,
            f"In these synthetic films {truth[0]:.0f} % and {truth[1]:.0f} % of the lungs' area "
            "are opaque; the model learned from patients and finds dense opacity alone here.",
            f"Model: {model.card.summary}",
        ),
        pictures=tuple(film_picture(film) for film in result.films),
        links=(
            ("xray/report.html", "The full report"),
            ("xray/films.csv", "Every film as a table"),
            ("xray/zones.csv", "Every zone as a table"),
        ),
        summary=summary_of(result) | {"true_opacity_percent": truth},
    )
