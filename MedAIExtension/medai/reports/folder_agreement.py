"""A folder of raters' masks, compared and written: what ``medai agree`` and the batch share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from medai.agreement import ImageRatings, cohort
from medai.agreement.icc_estimate import LinkVariance, Method
from medai.agreement.quality import QualityAgreement, quality_agreement
from medai.errors import StudyError
from medai.progress import (
    CancelCallback,
    Progress,
    ProgressCallback,
    ignore_progress,
    never_cancelled,
)
from medai.reports.agreement import write_report
from medai.reports.agreement_consensus import write_consensus
from medai.reports.agreement_examples import examples_of
from medai.reports.agreement_page import AgreementReport
from medai.studies.rater_folder import RaterFolder


def write_folder_agreement(
    source: RaterFolder,
    folder: Path,
    *,
    candidates: Sequence[str] = (),
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
    exclude_above: float = 0.95,
    exclude_below: float = 0.05,
    surfaces: bool = False,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> AgreementReport:
    """Compare the raters of ``source`` and write report, tables and consensus into ``folder``.

    folder: exists. The further choices are ``cohort``'s. Raises StudyError when a candidate rated
    nothing, else as ``cohort`` and ``RaterFolder.read``.
    """
    unknown = [name for name in candidates if name not in source.raters]
    if unknown:
        raise StudyError(
            f"No masks of the candidate {unknown[0]}: there are {', '.join(source.raters)}."
        )
    notes = list(source.notes)
    (folder / "consensus").mkdir()

    def images() -> Iterator[ImageRatings]:
        for name in source.images:
            case = source.read(name)
            notes.extend(case.notes)
            write_consensus(case, candidates, folder / "consensus")
            yield case.ratings

    result = cohort(
        images(),
        method=method,
        link_variance=link_variance,
        exclude_above=exclude_above,
        exclude_below=exclude_below,
        surfaces=surfaces,
        candidates=candidates,
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
    return report


def _quality(source: RaterFolder) -> QualityAgreement | None:
    table = source.table.quality_table(source.images)
    return quality_agreement(table) if len(table) >= 2 else None
