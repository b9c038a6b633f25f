"""Everything an annotator sees of one case, read from disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from numpy.typing import NDArray

from medai.images import Segmentation, Volume, read_volume
from medai.studies.create import REGION
from medai.studies.label_masks import read_label_masks
from medai.studies.predictions import predicting_models, prediction_path
from medai.studies.record import Record
from medai.studies.session import Session, start_session, study_segmentation
from medai.studies.study import Study
from medai.studies.submissions import read_mask
from medai.studies.worklist import Case


@dataclass(frozen=True, eq=False)
class CaseView:
    """One case: its session, its image, the outlines so far, the region that counts.

    volume: named after the case's number, since a name that comes twice would give a repeat away.
    masks: (z, y, x) by label name, or None. predictions: by model; empty unless the protocol lets
    raters see them.
    """

    session: Session
    volume: Volume
    masks: Mapping[str, NDArray] | None
    region: NDArray | None
    predictions: Mapping[str, Segmentation]


def open_case(
    study: Study,
    rater: str,
    case: Case,
    continues: Record | None = None,
    corrects: Record | None = None,
) -> CaseView:
    """Begin a session on a case, with the outlines of the draft or submission taken up.

    Raises StudyError for an image or outline that was altered, ImageReadError for one that can't
    be read.
    """
    labels = study.protocol.labels
    volume = read_volume(study.image_path(case.image))
    session = start_session(
        study,
        rater,
        case.image,
        case.presentation,
        volume,
        continues=continues,
        corrects=corrects,
    )
    masks = None
    earlier = continues or corrects
    if earlier is not None and earlier.mask:
        drawn = read_mask(study, earlier)
        masks = {label.name: drawn.mask(label.name) for label in labels}
    region = None
    region_path = study.region_path(case.image)
    if region_path is not None:
        found, _ = read_label_masks(region_path, (REGION,), volume)
        region = found[REGION.name]
    predictions = {}
    for model in predicting_models(study) if study.protocol.show_predictions else ():
        path = prediction_path(study, model, case.image)
        if path is not None:
            found, _ = read_label_masks(path, labels, volume)
            predictions[model] = study_segmentation(labels, found, volume)
    shown = replace(volume, name=f"Case {case.number}")
    return CaseView(session, shown, masks, region, predictions)
