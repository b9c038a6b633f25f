"""``medai agree``: raters' masks in; agreement, consensus and report out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Output, run_task

if TYPE_CHECKING:
    from medai.studies.rater_folder import RaterFolder


class MethodChoice(StrEnum):
    """How the pixel model is fitted."""

    LAPLACE = "laplace"
    QUADRATURE = "quadrature"


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
        MethodChoice, typer.Option("--method", help="Laplace as lme4 does it, or exact quadrature.")
    ] = MethodChoice.LAPLACE,
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
    from medai.reports.folder_agreement import AgreementOptions, names_in

    models = names_in(candidates)
    options = AgreementOptions(
        candidates=models,
        method=method.value,
        link_variance=link_variance.value,
        exclude_above=exclude_above,
        exclude_below=exclude_below,
        surfaces=surfaces,
    )
    with TemporaryDirectory() as scratch:
        run_task(
            "agreement",
            [lambda: _source(study, label, models, Path(scratch))],
            lambda: options,
            Output(output, overwrite, as_json),
        )


def _source(study: Path, label: str | None, models: tuple[str, ...], scratch: Path) -> RaterFolder:
    """The folder of masks, or a study's outlines that count, exported into ``scratch``."""
    from medai.studies import export_study, open_study
    from medai.studies.export import BETWEEN_RATERS
    from medai.studies.protocol import STUDY_FILE
    from medai.studies.rater_folder import open_rater_folder

    if not (study / STUDY_FILE).is_file():
        return open_rater_folder(study, label=label)
    export = export_study(open_study(study), scratch / "export", predictions=models)
    return open_rater_folder(export.folder / BETWEEN_RATERS, label=label, notes=export.notes)
