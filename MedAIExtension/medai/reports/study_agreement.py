"""Everything about a study's analysis in one folder: report, tables, consensus, outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from medai.agreement.cohort import CohortResult
from medai.agreement.quality import QualityAgreement, quality_agreement
from medai.agreement.ratings import ImageRatings
from medai.errors import MedAIError
from medai.images import Volume, read_volume
from medai.reports.agreement import write_report
from medai.reports.agreement_consensus import write_consensus
from medai.reports.agreement_examples import examples_of
from medai.reports.agreement_page import AgreementReport
from medai.reports.tables import write_csv
from medai.studies import Study, StudyAnalysis, export_study, rated_image, rated_images
from medai.studies.rater_folder import RatedCase
from medai.studies.ratings_table import QUALITY_SCORES
from medai.studies.record import SUBMITTED
from medai.studies.submissions import counting, study_records

OUTLINES = "outlines"
_REPEAT_COLUMNS = ("rater", "images", "pixel_icc", "krippendorff_alpha", "dice")


def write_study_agreement(
    study: Study, analysis: StudyAnalysis, folder: Path, *, predictions: Sequence[str] = ()
) -> None:
    """Write what ``medai agree`` writes, repeats.csv, and the outlines themselves.

    folder: exists. ``medai agree <folder>/outlines/between_raters`` gives the same numbers again.
    Raises OutputError when it can't be written.
    """
    (folder / "consensus").mkdir()
    for rated in rated_images(study, predictions=predictions):
        ratings = rated.ratings(analysis.label)
        case = RatedCase(ratings, rated.ijk_to_ras, has_spacing=True, notes=())
        write_consensus(case, predictions, folder / "consensus")
    write_report(report_of(study, analysis, predictions=predictions), folder)
    if analysis.repeat_rows:
        rows = [[row[column] for column in _REPEAT_COLUMNS] for row in analysis.repeat_rows]
        write_csv(folder / "repeats.csv", _REPEAT_COLUMNS, rows)
    export_study(study, folder / OUTLINES, predictions=predictions)


def report_of(
    study: Study, analysis: StudyAnalysis, *, predictions: Sequence[str] = ()
) -> AgreementReport:
    """The analysis with example images from the study, and the agreement on image quality."""

    def read(image: str) -> tuple[ImageRatings, Volume | None]:
        rated = rated_image(study, image, predictions=predictions)
        try:
            picture = replace(read_volume(study.image_path(image)), name=image)
        except MedAIError:
            picture = None
        return rated.ratings(analysis.label), picture

    cohort = analysis.cohort
    own_notes = tuple(note for note in analysis.notes if note not in cohort.notes)
    return AgreementReport(cohort, examples_of(cohort, read), _quality(study, cohort), own_notes)


def write_ratings_agreement(
    cohort: CohortResult, case: RatedCase, picture: Volume, folder: Path
) -> None:
    """Write the report and consensus of one image, whose outlines are in a scene."""
    (folder / "consensus").mkdir()
    write_consensus(case, (), folder / "consensus")
    examples = examples_of(cohort, lambda name: (case.ratings, picture))
    write_report(AgreementReport(cohort, examples, None, case.notes), folder)


def _quality(study: Study, cohort: CohortResult) -> QualityAgreement | None:
    scores = {
        (rater, image): QUALITY_SCORES[record.remarks.quality]
        for (rater, image, presentation), record in counting(study_records(study)).items()
        if record.outcome == SUBMITTED and presentation == 1
    }
    raters = sorted({rater for rater, _ in scores})
    table = np.array(
        [[scores.get((rater, image), np.nan) for image in cohort.images] for rater in raters]
    )
    return quality_agreement(table) if len(table) >= 2 else None
