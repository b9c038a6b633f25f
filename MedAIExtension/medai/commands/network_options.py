"""The options of every command that runs a network."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class DeviceChoice(StrEnum):
    """Where a network runs; auto takes a CUDA device when there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


DeviceOption = Annotated[
    DeviceChoice, typer.Option("--device", help="Where networks run; auto takes CUDA if present.")
]
GpuMemoryOption = Annotated[
    float | None,
    typer.Option("--gpu-memory-gb", help="Most of the GPU's memory to take, in GB; default: all."),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Id of the model (see medai models list); default: recommended."),
]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-licence",
        "--accept-license",
        help="Record that you have read and accept the terms of the models used (medai models "
        "show ID).",
    ),
]
