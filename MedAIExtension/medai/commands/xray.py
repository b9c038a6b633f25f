"""``medai xray``: chest radiographs of one patient in; opacities, zones and scores out."""

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


def xray(
    images: Annotated[
        list[Path],
        typer.Argument(help="Frontal chest X-rays of one patient: DICOM (CR, DX), PNG, JPEG."),
    ],
    output: OutputOption,
    model: ModelOption = None,
    reader: Annotated[
        list[str] | None,
        typer.Option(
            "--reader",
            help="A reader's scores of zones A,B,C,D,E,F: once for each image, in their order.",
        ),
    ] = None,
    names: NamesOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    gpu_memory_gb: GpuMemoryOption = None,
    accept_licence: AcceptOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find lungs and opacities in chest X-rays and score six zones, 0 to 18."""
    from medai.errors import InputError
    from medai.images.output_names import parse_name_rule
    from medai.images.radiograph import read_radiographs
    from medai.inference.xray.result import XrayOptions
    from medai.measures.zone_scores import parse_reader

    rule = parse_name_rule(names)
    given = reader or []
    if given and len(given) != len(images):
        raise InputError(f"--reader is given {len(given)} times, expected once for each image.")
    options = XrayOptions(
        device=device.value,
        readers={place: parse_reader(text) for place, text in enumerate(given)},
    )
    run_task(
        "xray",
        [lambda: read_radiographs(images, rule=rule)],
        options,
        Output(output, overwrite, as_json),
        model=model,
        gpu_memory_gb=gpu_memory_gb,
        accepts_terms=accept_licence,
        device=device.value,
    )
