"""The options of results that several commands share, said once and with the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
StudyFolderArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")]
