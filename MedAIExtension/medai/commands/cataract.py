"""``medai cataract``: anterior-segment OCT in; where and how much of the lens is opaque out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medai.commands.network_options import (
    AcceptOption,
    DeviceChoice,
    DeviceOption,
    GpuMemoryOption,
    ModelOption,
)
from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Output, run_task
from medai.commands.study_options import NamesOption


def cataract(
    images: Annotated[
        list[Path], typer.Argument(help="Scans: pictures, DICOM files, stacks, or their folders.")
    ],
    output: OutputOption,
    model: ModelOption = None,
    eye: Annotated[
        str | None,
        typer.Option("--eye", help="right or left: the eye of all scans, where names don't say."),
    ] = None,
    eyes: Annotated[
        Path | None, typer.Option("--eyes", help="CSV with columns file and eye (OD or OS).")
    ] = None,
    spacing_um: Annotated[
        tuple[float, float] | None,
        typer.Option("--spacing-um", help="Pixel size in µm, axial then transverse."),
    ] = None,
    crop: Annotated[
        str,
        typer.Option(
            "--crop", help="lens (found in each scan), center, or left,top,right,bottom in pixels."
        ),
    ] = "lens",
    flip_average: Annotated[
        bool, typer.Option("--flip-average", help="Average with the mirrored scan; twice the time.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Cataract fraction to judge by; default: the model's."),
    ] = None,
    names: NamesOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    gpu_memory_gb: GpuMemoryOption = None,
    accept_licence: AcceptOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Map cataract in anterior-segment OCT scans and measure the cataract fraction of each eye."""
    from medai.images.crop_box import parse_crop
    from medai.images.oct_scans import parse_eye, read_eyes
    from medai.images.output_names import parse_name_rule
    from medai.inference.cataract.result import CataractOptions

    rule, of_all = parse_name_rule(names), parse_eye(eye)
    options = CataractOptions(
        crop=crop if crop in ("lens", "center") else parse_crop(crop),  # type: ignore[arg-type]
        flip_average=flip_average,
        threshold=threshold,
        device=device.value,
    )
    run_task(
        "cataract",
        [lambda: read_eyes(images, table=eyes, eye=of_all, spacing_um=spacing_um, rule=rule)],
        options,
        Output(output, overwrite, as_json),
        model=model,
        gpu_memory_gb=gpu_memory_gb,
        accepts_terms=accept_licence,
        device=device.value,
    )
