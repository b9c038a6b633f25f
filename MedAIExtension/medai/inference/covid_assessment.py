"""The whole answer for a COVID study: how likely, how much of the lung, better or worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from medai.images.volume import Volume
from medai.inference.covid import classify_covid
from medai.inference.covid_result import CovidOptions, CovidResult
from medai.inference.lesion_result import LesionOptions, LesionResult
from medai.inference.lesions import segment_lesions
from medai.measures.follow_up import FollowUp, follow_up
from medai.measures.severity import Severity, severity
from medai.models import Model
from medai.progress import (
    CancelCallback,
    Progress,
    ProgressCallback,
    ignore_progress,
    never_cancelled,
)


@dataclass(frozen=True, eq=False)
class CovidChoices:
    """What an assessment includes.

    lesion_model: the model that measures severity, or None to leave severity out.
    lobes: labels 1..5 (z, y, x) on the study's grid, in the order of measures.LOBE_NAMES.
    prior: the same patient's earlier study; dates where they are known.
    """

    classification: CovidOptions = field(default_factory=CovidOptions)
    lesion_model: Model | str | None = None
    lesions: LesionOptions = field(default_factory=LesionOptions)
    lobes: NDArray[np.integer] | None = None
    prior: Volume | None = None
    prior_date: date | None = None
    study_date: date | None = None


@dataclass(frozen=True, eq=False)
class CovidAssessment:
    """A classification, and for volumes the severity and the change since an earlier study."""

    classification: CovidResult
    lesions: LesionResult | None = None
    severity: Severity | None = None
    prior_lesions: LesionResult | None = None
    change: FollowUp | None = None

    @property
    def volume(self) -> Volume:
        """The study's volume, or its first picture."""
        return self.classification.volume

    @property
    def sentence(self) -> str:
        """Probability, severity and change, one sentence each."""
        parts = [self.classification.sentence]
        if self.severity is not None and np.isfinite(self.severity.opacity_percent):
            parts.append(f"Opacity {self.severity.opacity_percent:.1f} % of lung.")
        if self.change is not None:
            parts.append(self.change.sentence)
        return " ".join(parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything the user should hear, each sentence once."""
        notes = list(self.classification.notes)
        for result in (self.lesions, self.prior_lesions):
            notes += result.notes if result is not None else ()
        notes += self.change.warnings if self.change is not None else ()
        return tuple(dict.fromkeys(notes))


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

    def part(index: int) -> ProgressCallback:
        return lambda p: progress(Progress((index + p.fraction) / parts, p.message))

    classification = classify_covid(study, model, choices.classification, part(0), cancelled)
    if not measured or choices.lesion_model is None or not isinstance(study, Volume):
        return CovidAssessment(classification)
    lesions = segment_lesions(study, choices.lesion_model, choices.lesions, part(1), cancelled)
    severe = severity(lesions.burden, lesions.lesions, choices.lobes)
    if choices.prior is None:
        return CovidAssessment(classification, lesions, severe)
    earlier = segment_lesions(
        choices.prior, choices.lesion_model, choices.lesions, part(2), cancelled
    )
    change = follow_up(
        earlier.burden,
        lesions.burden,
        earlier_date=choices.prior_date,
        later_date=choices.study_date,
    )
    return CovidAssessment(classification, lesions, severe, earlier, change)
