"""``medai segment``: chest CT in; lesions, lungs, burden, scene and report out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medai.commands.lesion_scene import write_scene
from medai.commands.network_options import (
    AcceptOption,
    DeviceChoice,
    DeviceOption,
    GpuMemoryOption,
    ModelOption,
)
from medai.commands.options import DicomOption, JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Answer, Output, run_task, write_one
from medai.commands.study_options import NamesOption, SeriesOption
from medai.tasks import task_named

if TYPE_CHECKING:
    from medai.inference.lesions.result import LesionResult


def segment(
    study: Annotated[Path, typer.Argument(help="DICOM folder, or NRRD, NIfTI or MHA file.")],
    output: OutputOption,
    model: ModelOption = None,
    lungs: Annotated[
        Path | None,
        typer.Option("--lungs", help="Lung mask on the study's grid, instead of finding them."),
    ] = None,
    score_threshold: Annotated[
        float | None,
        typer.Option(
            "--score-threshold", help="Least score of a region, 0 to 1; default: the model's."
        ),
    ] = None,
    mask_threshold: Annotated[
        float | None,
        typer.Option(
            "--mask-threshold", help="Least probability of a voxel, 0 to 1; default: the model's."
        ),
    ] = None,
    planes: Annotated[
        list[str] | None,
        typer.Option(
            "--plane",
            help="axial (default), coronal, sagittal; repeat to average several directions. All "
            "three take about four times as long on thin slices, more on thick ones.",
        ),
    ] = None,
    dicom: DicomOption = False,
    min_region_ml: Annotated[
        float | None,
        typer.Option(
            "--min-region-ml", help="Least volume of a region, in mL; default: the model's."
        ),
    ] = None,
    series: SeriesOption = None,
    names: NamesOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    gpu_memory_gb: GpuMemoryOption = None,
    accept_licence: AcceptOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find lesions in a chest CT and measure how much of each lung they fill."""
    from medai.images import read_volume
    from medai.images.output_names import parse_name_rule
    from medai.inference.lesions.result import AXIAL_ONLY, LesionOptions

    rule = parse_name_rule(names)
    if dicom:
        from medai.dicom_output.source import require_highdicom

        require_highdicom()

    options = LesionOptions(
        score_threshold=score_threshold,
        mask_threshold=mask_threshold,
        min_region_ml=min_region_ml,
        device=device.value,
        planes=tuple(planes or AXIAL_ONLY),
    )

    def with_lungs(options: LesionOptions) -> LesionOptions:
        return options if lungs is None else replace(options, lungs=read_volume(lungs))

    def write(results: Sequence[LesionResult], folder: Path) -> Answer:
        answer = write_one(task_named("lesions"))(results, folder)
        write_scene(results[0], folder)
        if dicom:
            from medai.dicom_output.write import write_lesion_objects

            write_lesion_objects(results[0], study, folder, series)
        return answer

    run_task(
        "lesions",
        [lambda: read_volume(study, series=series, names=rule)],
        options,
        Output(output, overwrite, as_json),
        model=model,
        gpu_memory_gb=gpu_memory_gb,
        accepts_terms=accept_licence,
        device=device.value,
        with_files=with_lungs,
        write=write,
    )
