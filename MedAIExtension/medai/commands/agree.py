"""``medai agree``: raters' masks in; agreement, consensus and report out."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medai.commands.console import print_answer, print_warning, running
from medai.commands.options import JsonOption, OutputOption, OverwriteOption

if TYPE_CHECKING:
    from medai.agreement import ImageRatings
    from medai.agreement.quality import QualityAgreement
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
            metavar="STUDY", help="Folder with a folder per image and a mask file per rater."
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
    from medai.agreement import cohort
    from medai.output import atomic_folder
    from medai.progress import Progress
    from medai.reports.agreement import summary_of, write_report
    from medai.reports.agreement_consensus import write_consensus
    from medai.reports.agreement_examples import examples_of
    from medai.reports.agreement_page import AgreementReport
    from medai.studies.rater_folder import open_rater_folder

    with atomic_folder(output, overwrite=overwrite) as folder:
        source = open_rater_folder(study, label=label)
        notes = list(source.notes)
        names = tuple(name.strip() for name in candidates.split(",") if name.strip())
        _require_known(names, source)
        (folder / "consensus").mkdir()

        def images() -> Iterator[ImageRatings]:
            for name in source.images:
                case = source.read(name)
                notes.extend(case.notes)
                write_consensus(case, names, folder / "consensus")
                yield case.ratings

        with running("Reading the masks") as (progress, cancelled):
            result = cohort(
                images(),
                method=method.value,
                link_variance=link_variance.value,
                exclude_above=exclude_above,
                exclude_below=exclude_below,
                surfaces=surfaces,
                candidates=names,
                progress=lambda fraction, message: progress(Progress(fraction, message)),
                cancelled=cancelled,
                total=len(source.images),
            )
            progress(Progress(0.98, "Writing the report"))
            report = AgreementReport(
                result,
                examples_of(result, lambda name: (source.read(name).ratings, source.picture(name))),
                _quality(source),
                tuple(notes),
            )
            write_report(report, folder)
    for note in (*notes, *result.notes):
        print_warning(note)
    sentences = [result.sentence, *(candidate.sentence for candidate in result.candidates)]
    print_answer(" ".join(sentences), summary_of(report), as_json=as_json)


def _require_known(candidates: tuple[str, ...], source: RaterFolder) -> None:
    from medai.errors import StudyError

    unknown = [name for name in candidates if name not in source.raters]
    if unknown:
        raise StudyError(
            f"No masks of the candidate {unknown[0]}: there are {', '.join(source.raters)}."
        )


def _quality(source: RaterFolder) -> QualityAgreement | None:
    from medai.agreement.quality import quality_agreement

    table = source.table.quality_table(source.images)
    return quality_agreement(table) if len(table) >= 2 else None
