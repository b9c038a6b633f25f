"""The agreement of a study's raters: between them, of each with themselves, and of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medai.agreement.alpha import krippendorff_alpha
from medai.agreement.cohort import CohortResult, cohort
from medai.agreement.overlap import dice
from medai.agreement.patterns import rating_patterns
from medai.agreement.pixel_icc import pixel_iccs
from medai.agreement.ratings import ImageRatings
from medai.errors import RatingError
from medai.progress import (
    CancelCallback,
    Progress,
    ProgressCallback,
    ignore_progress,
    never_cancelled,
)
from medai.studies.ratings import rated_images, repeated_ratings
from medai.studies.study import Study
from medai.studies.submissions import study_records

ImageCallback = Callable[[ImageRatings], None]


def ignore_image(ratings: ImageRatings) -> None:
    """A callback for callers that don't show images as they are read."""


@dataclass(frozen=True, eq=False)
class StudyAnalysis:
    """What ``medai.agreement.cohort`` says of a study, and what only a study knows.

    repeat_rows: rater, images, and over these the mean pixel ICC, alpha and Dice of a rater's
    first and second outline; no rows when nothing was repeated. notes: what was left out or
    resampled, one line each.
    """

    label: str
    cohort: CohortResult
    repeat_rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


def analyse_study(
    study: Study,
    label: str = "",
    *,
    predictions: Sequence[str] = (),
    leave_one_out: bool = True,
    on_image: ImageCallback = ignore_image,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> StudyAnalysis:
    """Analyse everything that counts; the numbers are those of ``medai agree`` on the export.

    label: "" is the study's first. predictions: models compared as one more rater each.
    on_image is called with each image as it is read. Raises StudyError when nothing was submitted,
    RatingError when no image has two raters, CancelledError.
    """
    label = label or study.protocol.labels[0].name
    notes = _absent(study)

    def images() -> Iterator[ImageRatings]:
        for rated in rated_images(study, predictions=predictions):
            notes.extend(rated.notes)
            ratings = rated.ratings(label)
            on_image(ratings)
            yield ratings

    result = cohort(
        images(),
        leave_one_out=leave_one_out,
        candidates=tuple(predictions),
        total=len(study.protocol.images),
        progress=lambda fraction, message: progress(Progress(fraction, message)),
        cancelled=cancelled,
    )
    return StudyAnalysis(label, result, _repeat_rows(study, label), (*notes, *result.notes))


def _absent(study: Study) -> list[str]:
    present = {record.rater for record in study_records(study)}
    return [
        f"Rater {rater} has submitted nothing and is left out."
        for rater in study.protocol.raters
        if rater not in present
    ]


def _repeat_rows(study: Study, label: str) -> tuple[dict[str, Any], ...]:
    rows = []
    for rater, pairs in repeated_ratings(study, label).items():
        patterns = [rating_patterns(pair.masks, pair.roi) for pair in pairs]
        measures = {
            "pixel_icc": [found.icc for found in pixel_iccs(patterns)],
            "krippendorff_alpha": [_alpha(pair) for pair in pairs],
            "dice": [dice(pair.masks[0], pair.masks[1], pair.roi) for pair in pairs],
        }
        means = {name: _mean(values) for name, values in measures.items()}
        rows.append({"rater": rater, "images": len(pairs), **means})
    return tuple(rows)


def _alpha(pair: ImageRatings) -> float:
    masks = pair.masks if pair.roi is None else pair.masks[:, pair.roi != 0]
    try:
        return krippendorff_alpha(masks.reshape(2, -1))
    except RatingError:
        return float("nan")


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
