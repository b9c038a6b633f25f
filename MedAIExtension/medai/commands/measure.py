"""``medai measure``: chest CT and a lesion mask of any origin in; numbers, scene, report out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medai.commands.lesion_scene import write_scene
from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Answer, Output, run_task, write_one
from medai.commands.study_options import NamesOption, SeriesOption
from medai.tasks import task_named

if TYPE_CHECKING:
    from medai.inference.lesions.given_masks import MeasureOptions
    from medai.inference.lesions.result import LesionResult


def measure(
    study: Annotated[Path, typer.Argument(help="DICOM folder, or NRRD, NIfTI or MHA file.")],
    lesions: Annotated[
        Path,
        typer.Option(
            "--lesions", help="Lesion mask: .seg.nrrd (a class a segment), or any label map."
        ),
    ],
    output: OutputOption,
    lungs: Annotated[
        Path | None,
        typer.Option(
            "--lungs",
            help="Lung mask on the study's grid (1 right, 2 left; one value; or lobes 1 to 5), "
            "instead of those drawn with the lesions, else of finding them.",
        ),
    ] = None,
    series: SeriesOption = None,
    names: NamesOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure lesions that were drawn or corrected by hand, or found by another tool."""
    from medai.images import read_volume
    from medai.images.output_names import parse_name_rule
    from medai.inference.lesions.given_masks import MeasureOptions

    rule = parse_name_rule(names)

    def with_lungs(options: MeasureOptions) -> MeasureOptions:
        return options if lungs is None else replace(options, lungs=read_volume(lungs))

    def write(results: Sequence[LesionResult], folder: Path) -> Answer:
        answer = write_one(task_named("measure"))(results, folder)
        write_scene(results[0], folder)
        return answer

    run_task(
        "measure",
        [lambda: read_volume(study, series=series, names=rule)],
        MeasureOptions(lesions),
        Output(output, overwrite, as_json),
        with_files=with_lungs,
        write=write,
    )
