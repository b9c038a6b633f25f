"""What a COVID assessment is asked for, and what it gives: likelihood, severity, change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medai.images.volume import Volume
from medai.inference.covid.result import CovidOptions, CovidResult
from medai.inference.lesions.result import LesionOptions, LesionResult
from medai.measures import healthy_level, opacity_sentence
from medai.measures.follow_up import FollowUp
from medai.measures.severity import Severity

if TYPE_CHECKING:
    from medai.models import Model


@dataclass(frozen=True, eq=False)
class CovidChoices:
    """What an assessment includes.

    lesion_model: the model that measures severity, or None to leave severity out.
    lobes: labels 1..5 (z, y, x) on the study's grid, in the order of measures.LOBE_NAMES.
    prior: the same patient's earlier study. prior_date, study_date: None: what DICOM says.
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
        healthy = None if self.lesions is None else self.lesions.healthy_percent
        if self.change is not None:
            parts.append(self.change.sentence)
            parts += [] if healthy is None else [healthy_level(healthy)]
        elif self.severity is not None and np.isfinite(self.severity.opacity_percent):
            parts.append(opacity_sentence(self.severity.opacity_percent, healthy))
        return " ".join(parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything the user should hear, each sentence once."""
        notes = list(self.classification.notes)
        for result in (self.lesions, self.prior_lesions):
            notes += result.notes if result is not None else ()
        notes += self.change.warnings if self.change is not None else ()
        return tuple(dict.fromkeys(notes))
