"""``medai agree``: raters' masks in; agreement, consensus and report out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Output, run_task

if TYPE_CHECKING:
    from medai.agreement.scores import ScoreTable
    from medai.studies import RatingsSource


class MethodChoice(StrEnum):
    """How the models of pixels and areas are fitted."""

    EXACT = "exact"
    LAPLACE = "laplace"


class LinkChoice(StrEnum):
    """Which variance of the logit link the ICC counts."""

    MEANOBS = "meanobs"
    LIABILITY = "liability"


class LevelChoice(StrEnum):
    """What the differences of scores mean."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


def agree(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY",
            help="A study, a folder with a folder per image and a mask file per rater, an export "
            "of Labelbox or in COCO's JSON, or a CSV of scores: image, rater, score.",
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
    epsilon: Annotated[
        float,
        typer.Option(
            "--epsilon",
            min=0.0,
            max=1.0,
            help="How much worse a candidate may be than a rater, for sparing a rater's work, 0–1.",
        ),
    ] = 0.2,
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
    gold: Annotated[
        Path | None,
        typer.Option("--gold", help="Folder of right answers, named as the images, to rank by."),
    ] = None,
    gold_foreground: Annotated[
        int | None, typer.Option("--gold-foreground", help="The value that marks in --gold.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="The study's key, if --gold has the images' older names."),
    ] = None,
    foreground: Annotated[
        int | None,
        typer.Option("--foreground", help="In a folder of masks, the value that marks."),
    ] = None,
    use_earlier: Annotated[
        bool,
        typer.Option(
            "--use-earlier",
            help="Where the newest submission of a case is damaged, take the one before it.",
        ),
    ] = False,
    level: Annotated[
        LevelChoice | None,
        typer.Option("--level", help="Level of measurement of scores; by default from the scores."),
    ] = None,
    categories: Annotated[
        str,
        typer.Option("--categories", help="All scores that may be given, in order, with commas."),
    ] = "",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how well raters agree on what they outlined or scored, image by image and overall."""
    from medai.errors import InputError
    from medai.reports.rater_agreement import AgreementOptions, names_in, open_ratings
    from medai.studies.gold_masks import GoldFolder
    from medai.studies.score_table import is_score_table, read_scores

    models = names_in(candidates)
    scored = is_score_table(study)
    if not scored and (level is not None or categories):
        raise InputError(
            f"{study.name} holds outlines: --level and --categories are of tables of scores."
        )
    options = AgreementOptions(
        candidates=models,
        method=method.value,
        link_variance=link_variance.value,
        exclude_above=exclude_above,
        exclude_below=exclude_below,
        surfaces=surfaces,
        epsilon=epsilon,
        gold=None if gold is None else GoldFolder(gold, label or "", gold_foreground, key),
    )

    def read() -> RatingsSource | ScoreTable:
        if scored:
            return read_scores(
                study, level=None if level is None else level.value, categories=names_in(categories)
            )
        return open_ratings(
            study,
            label=label,
            candidates=models,
            superseded=use_earlier,
            foreground=foreground,
        )

    run_task("agreement", [read], options, Output(output, overwrite, as_json))
