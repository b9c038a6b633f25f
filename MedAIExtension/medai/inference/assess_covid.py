"""The whole answer for a COVID study: how likely, how much of the lung, better or worse."""

from __future__ import annotations

from collections.abc import Sequence

from medai.images.volume import Volume
from medai.inference.covid import classify_covid
from medai.inference.covid_assessment import CovidAssessment, CovidChoices
from medai.inference.lesions import segment_lesions
from medai.measures.follow_up import follow_up
from medai.measures.severity import severity
from medai.models import Model
from medai.progress import (
    CancelCallback,
    ProgressCallback,
    ignore_progress,
    never_cancelled,
    share_of,
)


def assess_covid(
    study: Volume | Sequence[Volume],
    model: Model | str,
    choices: CovidChoices | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> CovidAssessment:
    """Classify a study; for a volume also measure severity, and the change since ``prior``.

    Raises as classify_covid, segment_lesions and follow_up.
    """
    choices = choices or CovidChoices()
    measured = choices.lesion_model is not None and isinstance(study, Volume)
    parts = 1 + measured * (1 + (choices.prior is not None))

    classification = classify_covid(
        study, model, choices.classification, share_of(progress, 0, parts), cancelled
    )
    if not measured or choices.lesion_model is None or not isinstance(study, Volume):
        return CovidAssessment(classification)
    lesions = segment_lesions(
        study, choices.lesion_model, choices.lesions, share_of(progress, 1, parts), cancelled
    )
    severe = severity(lesions.burden, lesions.lesions, choices.lobes)
    if choices.prior is None:
        return CovidAssessment(classification, lesions, severe)
    earlier = segment_lesions(
        choices.prior,
        choices.lesion_model,
        choices.lesions,
        share_of(progress, 2, parts),
        cancelled,
    )
    change = follow_up(
        earlier.burden,
        lesions.burden,
        earlier_date=choices.prior_date,
        later_date=choices.study_date,
    )
    return CovidAssessment(classification, lesions, severe, earlier, change)
