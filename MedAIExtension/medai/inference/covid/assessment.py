"""What a COVID assessment is asked for, and what it gives: likelihood, severity, change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medai.images.volume import Volume
from medai.inference.covid.result import CovidOptions, CovidResult
from medai.inference.lesions.result import LesionOptions, LesionResult
from medai.measures import healthy_level, opacity_sentence
from medai.measures.follow_up import FollowUp, compared_again
from medai.measures.severity import Severity, severity

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
    """A classification, and for volumes the severity and the change since an earlier study.

    of_network: the assessment as the networks gave it, when a hand corrected its lesions.
    """

    classification: CovidResult
    lesions: LesionResult | None = None
    severity: Severity | None = None
    prior_lesions: LesionResult | None = None
    change: FollowUp | None = None
    of_network: CovidAssessment | None = None

    @property
    def volume(self) -> Volume:
        """The study's volume, or its first picture."""
        return self.classification.volume

    @property
    def sentence(self) -> str:
        """Severity or change, and the probability; first what can be relied on more.

        Where something says not to rely on the probability, the sentence leads with the severity
        and says why there is no diagnosis. It says when a hand corrected the lesions.
        """
        severe = self._severity_sentence()
        if not severe or not self.classification.doubts:
            return " ".join(each for each in (self.classification.sentence, severe) if each)
        return f"{severe} No diagnosis. {self.classification.doubts[0]}"

    def _severity_sentence(self) -> str:
        healthy = None if self.lesions is None else self.lesions.healthy_percent
        if self.change is not None:
            words = self.change.sentence
            if healthy is not None:
                words = f"{words} {healthy_level(healthy)}"
        elif self.severity is not None and np.isfinite(self.severity.opacity_percent):
            words = opacity_sentence(
                self.severity.opacity_percent, healthy, self.severity.opacity_interval_percent
            )
        else:
            return ""
        by_hand = self.lesions is not None and self.lesions.correction is not None
        return f"Corrected by hand: {words[:1].lower()}{words[1:]}" if by_hand else words

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything the user should hear, each sentence once."""
        notes = list(self.classification.notes)
        for result in (self.lesions, self.prior_lesions):
            notes += result.notes if result is not None else ()
        notes += self.change.warnings if self.change is not None else ()
        return tuple(dict.fromkeys(notes))


def with_corrected_lesions(
    own: CovidAssessment, lesions: LesionResult, lobes: NDArray[np.integer] | None
) -> CovidAssessment:
    """The assessment with lesions of the same study that a hand corrected: severity and change.

    own: as the networks gave it; it is kept in ``of_network``. lesions: with ``correction``.
    lobes: as of CovidChoices. The classification stays as it is. Raises as ``severity``.
    """
    change = own.change
    if change is not None and own.prior_lesions is not None:
        change = compared_again(change, own.prior_lesions.burden, lesions.burden)
    return replace(
        own,
        lesions=lesions,
        severity=severity(lesions.burden, lesions.lesions, lobes),
        change=change,
        of_network=own,
    )
