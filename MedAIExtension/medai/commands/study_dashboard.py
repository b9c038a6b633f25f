"""``medai study dashboard``: how far a study is, as a page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer, print_warning
from medai.commands.options import JsonOption, OverwriteOption, StudyFolderArgument


def write_dashboard(
    study: StudyFolderArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PAGE", help="The HTML file to write.")
    ],
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write submissions over time, pace and expected end as a page that names no rater."""
    from medai.reports.study_progress import blinded_names, write_progress
    from medai.studies import open_study, study_status

    opened = open_study(study)
    for status in study_status(opened):
        for warning in status.warnings:
            print_warning(warning)
    sentence = write_progress(opened, output, datetime.now(UTC), overwrite=overwrite)
    names = blinded_names(opened)
    who = ", ".join(f"{name} is {rater}" for rater, name in names.items())
    summary = {"page": str(output), "sentence": sentence, "raters": names}
    print_answer(f"{sentence} On the page, {who}.", summary, as_json=as_json)
