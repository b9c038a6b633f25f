"""Raters compared and written, whatever their ratings come from: one way for all who ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medai.agreement import ImageRatings, cohort
from medai.agreement.cohort import CohortResult
from medai.agreement.gold_standard import GoldStandard
from medai.agreement.icc_estimate import LinkVariance, Method
from medai.agreement.lesion_agreement import lesion_agreement, without
from medai.agreement.lesion_matching import ImageLesions, image_lesions
from medai.agreement.local_extent_icc import local_extent_icc, local_extent_iccs
from medai.agreement.quality import quality_agreement
from medai.agreement.quality_remarks import quality_counts, quality_model
from medai.cancellation import CancelCallback, never_cancelled
from medai.errors import RatingError, StudyError
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.reports.agreement import summary_of as summary_of_report
from medai.reports.agreement import write_report
from medai.reports.agreement_consensus import write_consensus
from medai.reports.agreement_examples import examples_of
from medai.reports.agreement_page import AgreementReport
from medai.reports.agreement_quality import QualityReport
from medai.reports.tables import write_csv
from medai.studies import RatingsSource, StudyRatings, export_study, open_study, study_ratings
from medai.studies.copied_raters import CopiesOfRaters
from medai.studies.exported_ratings import is_export, open_export
from medai.studies.gold_masks import GoldFolder, GoldMasks
from medai.studies.protocol import STUDY_FILE
from medai.studies.rater_folder import open_rater_folder
from medai.studies.ratings_source import RatedCase
from medai.studies.repeats import REPEAT_COLUMNS, repeat_table

ImageCallback = Callable[[ImageRatings], None]
OUTLINES = "outlines"


def ignore_image(ratings: ImageRatings) -> None:
    """A callback for callers that don't show images as they are read."""


@dataclass(frozen=True, eq=False)
class AgreementOptions:
    """What raters are compared by: see ``cohort``. gold: right answers to hold them against."""

    candidates: tuple[str, ...] = ()
    method: Method = "exact"
    link_variance: LinkVariance = "meanobs"
    exclude_above: float = 0.95
    exclude_below: float = 0.05
    surfaces: bool = False
    leave_one_out: bool = True
    epsilon: float = 0.2
    gold: GoldFolder | None = None


@dataclass(frozen=True, eq=False)
class RaterAgreement:
    """How far the raters of a source agree, and where their masks are.

    repeat_rows: of a study, how far each rater agrees with himself; see ``repeat_table``.
    """

    source: RatingsSource
    candidates: tuple[str, ...]
    report: AgreementReport
    repeat_rows: tuple[dict[str, Any], ...] = ()

    @property
    def sentence(self) -> str:
        """The agreement, each candidate, then lesion by lesion, one sentence each."""
        report = self.report
        parts = [report.sentence, *(each.sentence for each in report.cohort.candidates)]
        return " ".join(parts if report.lesions is None else [*parts, report.lesions.sentence])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        return (*self.report.notes, *self.report.cohort.notes)


def open_ratings(
    path: Path,
    *,
    label: str | None = None,
    candidates: Sequence[str] = (),
    superseded: bool = False,
    foreground: int | None = None,
) -> RatingsSource:
    """The ratings in a study, in another program's export, or in a folder of masks.

    label, superseded: as ``study_ratings``. candidates: of a study, models under ``predictions/``.
    foreground: of a folder of masks, the value that marks; None is every value but 0.
    Raises StudyError for none of these, or an unknown label or model.
    """
    is_study = (path / STUDY_FILE).is_file()
    if foreground is not None and (is_study or is_export(path)):
        raise StudyError(f"{path} is no folder of masks: only those take a foreground value.")
    if not is_study:
        if is_export(path):
            return open_export(path, label=label)
        return open_rater_folder(path, label=label, foreground=foreground)
    study = open_study(path)
    return study_ratings(study, label, predictions=tuple(candidates), superseded=superseded)


def names_in(text: str) -> tuple[str, ...]:
    """The names in a text with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def measure_agreement(
    source: RatingsSource,
    model: None,
    options: AgreementOptions,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
    *,
    on_image: ImageCallback = ignore_image,
) -> RaterAgreement:
    """Compare the raters of ``source``; no model takes part. on_image: called as each is read.

    Raises StudyError when a candidate rated nothing, else as ``cohort`` and ``source.read``.
    """
    unknown = [name for name in options.candidates if name not in source.raters]
    if unknown:
        raise StudyError(
            f"No masks of the candidate {unknown[0]}: there are {', '.join(source.raters)}."
        )
    notes = list(source.notes)
    copies = CopiesOfRaters()
    standard = GoldStandard(options.candidates)
    gold = None if options.gold is None else options.gold.open(source.images)
    lesions: list[ImageLesions] = []
    local: dict[str, float] = {}
    covariates: dict[str, Mapping[str, float | str]] = {}

    def images() -> Iterator[ImageRatings]:
        for name in source.images:
            case = source.read(name)
            notes.extend(case.notes)
            copies.add(case.ratings)
            if gold is not None:
                notes.extend(_add_to(standard, gold, case))
            people = without(case.ratings, options.candidates)
            local[name] = local_extent_icc(people)
            covariates[name] = people.covariates
            try:
                lesions.append(image_lesions(people))
            except RatingError as error:
                notes.append(f"{name}: not compared lesion by lesion: {error}")
            on_image(case.ratings)
            yield case.ratings

    result = cohort(
        images(),
        method=options.method,
        link_variance=options.link_variance,
        leave_one_out=options.leave_one_out,
        exclude_above=options.exclude_above,
        exclude_below=options.exclude_below,
        surfaces=options.surfaces,
        candidates=options.candidates,
        epsilon=options.epsilon,
        progress=progress,
        cancelled=cancelled,
        total=len(source.images),
    )
    notes += copies.notes
    progress(Progress(0.98, "Writing the report"))
    report = AgreementReport(
        result,
        examples_of(result, lambda name: (source.read(name).ratings, source.picture(name))),
        _quality(source, covariates),
        tuple(notes),
        source.coverage if isinstance(source, StudyRatings) else "",
        None if gold is None else standard.result(),
        lesion_agreement(lesions) if any(len(one.raters) >= 2 for one in lesions) else None,
        local_extent_iccs(local, {row["image"] for row in result.exclusions}),
    )
    repeats = repeat_table(source) if isinstance(source, StudyRatings) else ()
    return RaterAgreement(source, options.candidates, report, repeats)


def _add_to(standard: GoldStandard, gold: GoldMasks, case: RatedCase) -> list[str]:
    """Hold one case against its right answer; returns what should be known about it."""
    found = gold.read(case)
    if found is None:
        return [f"{case.ratings.name} has no gold standard."]
    mask, notes = found
    standard.add(case.ratings, mask)
    return notes


def write_agreement(result: RaterAgreement | CohortResult, folder: Path) -> None:
    """Write report and tables, and where the masks are known the consensus, into ``folder``."""
    if isinstance(result, CohortResult):
        write_report(AgreementReport(result), folder)
        return
    (folder / "consensus").mkdir()
    for name in result.source.images:
        write_consensus(result.source.read(name), result.candidates, folder / "consensus")
    write_report(result.report, folder)
    if result.repeat_rows:
        rows = [[row[column] for column in REPEAT_COLUMNS] for row in result.repeat_rows]
        write_csv(folder / "repeats.csv", REPEAT_COLUMNS, rows)


def write_study_agreement(result: RaterAgreement, folder: Path) -> None:
    """Write what ``write_agreement`` writes, and of a study the outlines themselves.

    folder: exists. ``medai agree <folder>/outlines/between_raters`` gives the same numbers again.
    Raises OutputError when it can't be written.
    """
    write_agreement(result, folder)
    if isinstance(result.source, StudyRatings):
        export_study(result.source.study, folder / OUTLINES, predictions=result.candidates)


def summary_of(result: RaterAgreement) -> dict[str, Any]:
    """The result as plain data."""
    summary = summary_of_report(result.report)
    return summary | ({"repeats": list(result.repeat_rows)} if result.repeat_rows else {})


def _quality(
    source: RatingsSource, covariates: Mapping[str, Mapping[str, float | str]]
) -> QualityReport | None:
    remarks = source.remarks()
    if len(remarks.raters) < 2:
        return None
    judged = len(remarks.scores) >= 2 and bool(np.isfinite(remarks.scores).any())
    return QualityReport(
        remarks,
        quality_agreement(remarks.scores) if judged else None,
        quality_counts(remarks),
        quality_model(covariates),
    )
