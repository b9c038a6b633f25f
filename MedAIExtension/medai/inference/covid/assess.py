"""The whole answer for a COVID study: how likely, how much of the lung, better or worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from medai.cancellation import CancelCallback, never_cancelled
from medai.errors import InputError
from medai.images.hounsfield import require_ct_study
from medai.images.study_origin import same_patient
from medai.images.volume import Volume
from medai.inference.covid.assessment import CovidAssessment, CovidChoices
from medai.inference.covid.classification import classify_covid
from medai.inference.lesions.segmentation import segment_lesions
from medai.measures import segment_lungs
from medai.measures.follow_up import days_between, follow_up
from medai.measures.severity import require_lobes, severity
from medai.models import Model
from medai.progress import ProgressCallback, ignore_progress, share_of


def assess_covid(
    study: Volume | Sequence[Volume],
    model: Model | str,
    choices: CovidChoices | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> CovidAssessment:
    """Classify a study; for a volume also measure severity, and the change since ``prior``.

    Dates and patient are compared first. Raises InputError when the earlier study is of another
    patient or of a later date, or the study is pictures; and as classify_covid, segment_lesions
    and follow_up.
    """
    choices = choices or CovidChoices()
    measured = choices.lesion_model is not None and isinstance(study, Volume)
    earlier_date, later_date = _dates(study, choices)
    parts = 1 + measured * (1 + (choices.prior is not None))

    lungs, options = None, choices.lesions
    if measured and isinstance(study, Volume):
        # Found once, for both networks.
        require_ct_study(study)
        if choices.lobes is not None:
            require_lobes(choices.lobes, study.grid_shape)
        lungs = segment_lungs(study)
        # A mask with one lung, or one of unknown side, would be told into sides once more.
        sides = [bool((lungs.labels == side).any()) for side in (1, 2, 3)]
        if options.lungs is None and sides == [True, True, False]:
            options = replace(options, lungs=replace(study, array=lungs.labels))
    classification = classify_covid(
        study, model, choices.classification, share_of(progress, 0, parts), cancelled, lungs=lungs
    )
    if not measured or choices.lesion_model is None or not isinstance(study, Volume):
        return CovidAssessment(classification)
    lesions = segment_lesions(
        study, choices.lesion_model, options, share_of(progress, 1, parts), cancelled
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
        earlier_date=earlier_date,
        later_date=later_date,
    )
    return CovidAssessment(classification, lesions, severe, earlier, change)


def _dates(
    study: Volume | Sequence[Volume], choices: CovidChoices
) -> tuple[date | None, date | None]:
    """Of the earlier study and the study. Raises InputError unless the two fit together."""
    prior = choices.prior
    if prior is None:
        return None, None
    if not isinstance(study, Volume):
        raise InputError(
            "An earlier study is compared by lesion volume, and this study is given as pictures: "
            "expected a CT volume, or no earlier study."
        )
    require_ct_study(prior)
    if same_patient(prior.origin, study.origin) is False:
        raise InputError(
            "The earlier study is of another patient (ID, name or date of birth differ in DICOM), "
            "expected two studies of one patient."
        )
    earlier, later = (
        given or (None if volume.origin is None else volume.origin.date)
        for given, volume in ((choices.prior_date, prior), (choices.study_date, study))
    )
    days_between(earlier, later)
    return earlier, later
