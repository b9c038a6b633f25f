"""``medai segment``: chest CT in; lesions, lungs, burden, scene and report out."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer, print_warning, running
from medai.commands.options import (
    DeviceChoice,
    DeviceOption,
    GpuMemoryOption,
    JsonOption,
    ModelOption,
    NamesOption,
    OutputOption,
    OverwriteOption,
    SeriesOption,
)


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
    series: SeriesOption = None,
    names: NamesOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    gpu_memory_gb: GpuMemoryOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find lesions in a chest CT and measure how much of each lung they fill."""
    from medai.images import read_volume
    from medai.images.hounsfield import require_ct_study
    from medai.images.output_names import parse_name_rule
    from medai.inference import LesionOptions, segment_lesions
    from medai.inference.lesions.result import AXIAL_ONLY
    from medai.inference.running.gpu_memory import limit_gpu_memory
    from medai.measures import burden_sentence
    from medai.models import ModelStore
    from medai.output import atomic_folder
    from medai.reports.lesions import summary_of
    from medai.reports.write import write_files

    limit_gpu_memory(gpu_memory_gb)
    # The folder is tried first, so that nobody waits for a network and then can't save.
    with atomic_folder(output, overwrite=overwrite) as folder:
        volume = read_volume(study, series=series, names=parse_name_rule(names))
        require_ct_study(volume)
        mask = None if lungs is None else read_volume(lungs)
        loaded = ModelStore().load(model, task="lesions")
        options = LesionOptions(
            score_threshold=score_threshold,
            mask_threshold=mask_threshold,
            device=device.value,
            lungs=mask,
            directions=tuple(planes or AXIAL_ONLY),
        )
        with running("Reading") as (progress, cancelled):
            result = segment_lesions(volume, loaded, options, progress, cancelled)
        write_files(result, folder)
        _write_scene(result, folder)
    for note in result.notes:
        print_warning(note)
    print_answer(burden_sentence(result.burden), summary_of(result), as_json=as_json)


def _write_scene(result: object, folder: Path) -> None:
    if find_spec("slicer") is None:
        print_warning(
            "scene.mrb is left out: slicer-core is not installed "
            f"(it needs Python 3.11, this is {sys.version_info.major}.{sys.version_info.minor})."
        )
        return
    from medai import host, scene

    host.start()
    node = scene.show_volume(result.volume)  # type: ignore[attr-defined]
    scene.show(result, node)
    scene.save_scene(folder / "scene.mrb")
