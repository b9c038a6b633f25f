"""The options that several commands share, said once and with the same words."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class DeviceChoice(StrEnum):
    """Where a network runs; auto takes a CUDA device when there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def named_path(text: str) -> Path:
    """The path that was named: an empty one would be the current folder."""
    if not text.strip():
        raise typer.BadParameter("it is empty, expected a path.")
    return Path(text)


OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        parser=named_path,
        help="Folder for the results, new or empty; a failed run leaves nothing in it.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace results that are in the output folder already.")
]
DeviceOption = Annotated[
    DeviceChoice, typer.Option("--device", help="Where networks run; auto takes CUDA if present.")
]
GpuMemoryOption = Annotated[
    float | None,
    typer.Option("--gpu-memory-gb", help="Most of the GPU's memory to take, in GB; default: all."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the summary as JSON on standard output.")
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Id of the model (see medai models list); default: recommended."),
]
SeriesOption = Annotated[
    str | None,
    typer.Option("--series", help="DICOM series instance UID, where a folder holds several."),
]
NamesOption = Annotated[
    str | None,
    typer.Option(
        "--names",
        help="What studies and scans are called in results: files or aliases; default: aliases "
        "where a file's name may tell who the patient is.",
    ),
]
DicomOption = Annotated[
    bool,
    typer.Option(
        "--dicom",
        help="Also write DICOM objects for a PACS (SEG and SR). Those of a DICOM study carry its "
        "patient's identifiers, as a PACS needs.",
    ),
]
