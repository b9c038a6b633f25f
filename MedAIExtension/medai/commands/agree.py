"""``medai agree``: raters' masks in; agreement, consensus and report out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from medai.commands.console import print_answer, print_warning, running
from medai.commands.options import JsonOption, OutputOption, OverwriteOption

if TYPE_CHECKING:
    from medai.studies.rater_folder import RaterFolder


class MethodChoice(StrEnum):
    """How the models of pixels and areas are fitted."""

    EXACT = "exact"
    LAPLACE = "laplace"


class LinkChoice(StrEnum):
    """Which variance of the logit link the ICC counts."""

    MEANOBS = "meanobs"
    LIABILITY = "liability"


def agree(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY",
            help="A study, or a folder with a folder per image and a mask file per rater.",
        ),
    ],
    output: OutputOption,
    label: Annotated[
        str | None,
        typer.Option("--label", help="Segment or value to compare, where masks hold several."),
    ] = None,
    candidates: Annotated[
        str, typer.Option("--candidates", help="Models (or new raters) to compare, with commas.")
    ] = "",
    method: Annotated[
        MethodChoice,
        typer.Option("--method", help="Exact likelihood, or as published (Laplace, as lme4)."),
    ] = MethodChoice.EXACT,
    link_variance: Annotated[
        LinkChoice, typer.Option("--link-variance", help="1/(p(1−p)) or π²/3.")
    ] = LinkChoice.MEANOBS,
    exclude_above: Annotated[
        float, typer.Option("--exclude-above", help="Leave out images marked more than this, 0–1.")
    ] = 0.95,
    exclude_below: Annotated[
        float, typer.Option("--exclude-below", help="Leave out images marked less than this, 0–1.")
    ] = 0.05,
    surfaces: Annotated[
        bool, typer.Option("--surfaces", help="Also measure Hausdorff and surface distances.")
    ] = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how well raters agree on what they outlined, image by image and overall."""
    from medai.output import atomic_folder
    from medai.reports.agreement import summary_of
    from medai.reports.folder_agreement import write_folder_agreement

    models = [name.strip() for name in candidates.split(",") if name.strip()]
    with (
        TemporaryDirectory() as scratch,
        atomic_folder(output, overwrite=overwrite) as folder,
        running("Reading the masks") as (progress, cancelled),
    ):
        report = write_folder_agreement(
            _source(study, label, models, Path(scratch)),
            folder,
            candidates=models,
            method=method.value,
            link_variance=link_variance.value,
            exclude_above=exclude_above,
            exclude_below=exclude_below,
            surfaces=surfaces,
            progress=progress,
            cancelled=cancelled,
        )
    result = report.cohort
    for note in (*report.notes, *result.notes):
        print_warning(note)
    sentences = [result.sentence, *(candidate.sentence for candidate in result.candidates)]
    print_answer(" ".join(sentences), summary_of(report), as_json=as_json)


def _source(study: Path, label: str | None, models: list[str], scratch: Path) -> RaterFolder:
    """The folder of masks, or a study's outlines that count, exported into ``scratch``."""
    from medai.studies import export_study, open_study
    from medai.studies.export import BETWEEN_RATERS
    from medai.studies.protocol import STUDY_FILE
    from medai.studies.rater_folder import open_rater_folder

    if not (study / STUDY_FILE).is_file():
        return open_rater_folder(study, label=label)
    export = export_study(open_study(study), scratch / "export", predictions=models)
    return open_rater_folder(export.folder / BETWEEN_RATERS, label=label, notes=export.notes)
