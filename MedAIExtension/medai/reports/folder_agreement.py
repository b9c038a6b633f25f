"""A folder of raters' masks, compared and written: what ``medai agree`` and the batch share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medai.agreement import ImageRatings, cohort
from medai.agreement.cohort import CohortResult
from medai.agreement.icc_estimate import LinkVariance
from medai.agreement.pixel_icc import Method
from medai.agreement.quality import QualityAgreement, quality_agreement
from medai.errors import StudyError
from medai.progress import (
    CancelCallback,
    Progress,
    ProgressCallback,
    ignore_progress,
    never_cancelled,
)
from medai.reports.agreement import summary_of as summary_of_report
from medai.reports.agreement import write_report
from medai.reports.agreement_consensus import write_consensus
from medai.reports.agreement_examples import examples_of
from medai.reports.agreement_page import AgreementReport
from medai.studies.rater_folder import RaterFolder, open_rater_folder


@dataclass(frozen=True, eq=False)
class AgreementOptions:
    """What raters are compared by: see ``cohort``."""

    candidates: tuple[str, ...] = ()
    method: Method = "laplace"
    link_variance: LinkVariance = "meanobs"
    exclude_above: float = 0.95
    exclude_below: float = 0.05
    surfaces: bool = False


@dataclass(frozen=True, eq=False)
class FolderAgreement:
    """How far the raters of a folder agree, and where their masks are."""

    source: RaterFolder
    candidates: tuple[str, ...]
    report: AgreementReport

    @property
    def sentence(self) -> str:
        """The agreement, then each candidate, one sentence each."""
        cohort = self.report.cohort
        return " ".join([cohort.sentence, *(each.sentence for each in cohort.candidates)])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        return (*self.report.notes, *self.report.cohort.notes)


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[RaterFolder, AgreementOptions]:
    """The folder of masks that a row of a study list names.

    cells: label, candidates (names with commas). name, device: not used; images have names of
    their own, and no network runs. Raises as ``open_rater_folder``.
    """
    options = AgreementOptions(candidates=names_in(cells.get("candidates", "")))
    return open_rater_folder(path, label=cells.get("label")), options


def names_in(text: str) -> tuple[str, ...]:
    """The names in a text with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def measure_folder_agreement(
    source: RaterFolder,
    model: None,
    options: AgreementOptions,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> FolderAgreement:
    """Compare the raters of ``source``; no model takes part.

    Raises StudyError when a candidate rated nothing, else as ``cohort`` and ``RaterFolder.read``.
    """
    unknown = [name for name in options.candidates if name not in source.raters]
    if unknown:
        raise StudyError(
            f"No masks of the candidate {unknown[0]}: there are {', '.join(source.raters)}."
        )
    notes = list(source.notes)

    def images() -> Iterator[ImageRatings]:
        for name in source.images:
            case = source.read(name)
            notes.extend(case.notes)
            yield case.ratings

    result = cohort(
        images(),
        method=options.method,
        link_variance=options.link_variance,
        exclude_above=options.exclude_above,
        exclude_below=options.exclude_below,
        surfaces=options.surfaces,
        candidates=options.candidates,
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
    return FolderAgreement(source, options.candidates, report)


def write_agreement(result: FolderAgreement | CohortResult, folder: Path) -> None:
    """Write report and tables, and where the masks are known the consensus, into ``folder``."""
    if isinstance(result, CohortResult):
        write_report(AgreementReport(result), folder)
        return
    (folder / "consensus").mkdir()
    for name in result.source.images:
        write_consensus(result.source.read(name), result.candidates, folder / "consensus")
    write_report(result.report, folder)


def summary_of(result: FolderAgreement) -> dict[str, Any]:
    """The result as plain data."""
    return summary_of_report(result.report)


def _quality(source: RaterFolder) -> QualityAgreement | None:
    table = source.table.quality_table(source.images)
    return quality_agreement(table) if len(table) >= 2 else None
