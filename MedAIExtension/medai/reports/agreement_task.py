"""The task of agreement, whatever was rated: outlines or scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medai.agreement.cohort import CohortResult
from medai.agreement.scores import ScoresResult, ScoreTable, score_agreement
from medai.cancellation import CancelCallback, never_cancelled
from medai.progress import ProgressCallback, ignore_progress
from medai.reports.rater_agreement import (
    AgreementOptions,
    RaterAgreement,
    measure_agreement,
    names_in,
    open_ratings,
    summary_of,
    write_agreement,
)
from medai.reports.scores import summary_of_scores, write_scores
from medai.studies import RatingsSource
from medai.studies.score_table import is_score_table, read_scores


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[RatingsSource | ScoreTable, AgreementOptions]:
    """What a row of a study list names: a study, masks, an export, or a table of scores.

    cells: label, candidates (names with commas); level, categories of scores. name, device: not
    used; images have names of their own, and no network runs. Raises as ``open_ratings`` and
    ``read_scores``.
    """
    if is_score_table(path):
        table = read_scores(
            path,
            level=cells.get("level") or None,
            categories=names_in(cells.get("categories", "")),
        )
        return table, AgreementOptions()
    candidates = names_in(cells.get("candidates", ""))
    source = open_ratings(path, label=cells.get("label"), candidates=candidates)
    return source, AgreementOptions(candidates=candidates)


def measure(
    rated: RatingsSource | ScoreTable,
    model: None,
    options: AgreementOptions,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> RaterAgreement | ScoresResult:
    """How well raters agree; no model takes part. options: of outlines; scores have none.

    Raises as ``measure_agreement`` and ``score_agreement``.
    """
    if not isinstance(rated, ScoreTable):
        return measure_agreement(rated, model, options, progress, cancelled)
    return score_agreement(
        rated,
        progress=progress,
        cancelled=cancelled,
    )


def write(result: RaterAgreement | CohortResult | ScoresResult, folder: Path) -> None:
    """Write report and tables of whatever was rated into ``folder``."""
    if isinstance(result, ScoresResult):
        write_scores(result, folder)
    else:
        write_agreement(result, folder)


def summary(result: RaterAgreement | ScoresResult) -> dict[str, Any]:
    """The result as plain data."""
    return summary_of_scores(result) if isinstance(result, ScoresResult) else summary_of(result)
