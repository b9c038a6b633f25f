"""The options of how a study is read and called."""

from __future__ import annotations

from typing import Annotated

import typer

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
