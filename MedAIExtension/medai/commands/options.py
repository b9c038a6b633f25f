"""The options of results that several commands share, said once and with the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder for the results; made new, whole or not at all."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace results that are in the output folder already.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the summary as JSON on standard output.")
]
DicomOption = Annotated[
    bool,
    typer.Option(
        "--dicom",
        help="Also write DICOM objects for a PACS (SEG and SR). Those of a DICOM study carry its "
        "patient's identifiers, as a PACS needs.",
    ),
]
