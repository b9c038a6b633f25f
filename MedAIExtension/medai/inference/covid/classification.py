"""COVID-19 or not, and why: slice classifiers run over a study (S2, S4)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from medai.cancellation import CancelCallback, never_cancelled
from medai.errors import InputError, ModelTaskError, UnsuitableImageError
from medai.images import on_axial_grid, to_axial
from medai.images.hounsfield import require_ct_study
from medai.images.volume import Volume
from medai.inference.covid.guard import (
    chance_notes,
    evidence_notes,
    grey_picture,
    unusual_notes,
)
from medai.inference.covid.result import (
    COVID_CLASS,
    CovidOptions,
    CovidResult,
    RankedRegions,
    SliceScores,
    counted_slices,
    study_probability,
)
from medai.inference.covid.slice_classifier import SliceClassifier
from medai.inference.covid.slices import place_axial, plane_slices
from medai.inference.running.lung_slices import LungSlices
from medai.inference.running.planes import PLANES
from medai.inference.running.unmeasured import unmeasured_notes
from medai.measures import segment_lungs
from medai.measures.lungs import LungMask
from medai.models import Model, ModelStore
from medai.progress import Progress, ProgressCallback, ignore_progress, span_of

_DEFAULTS = CovidOptions()
_EXPLAINED_SHARE = 0.25  # of the progress bar


def classify_covid(
    study: Volume | Sequence[Volume],
    model: Model | str,
    options: CovidOptions = _DEFAULTS,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
    *,
    lungs: LungMask | None = None,
) -> CovidResult:
    """Classify a chest CT, or one patient's CT slices given as pictures.

    study: a CT volume in HU (its lung slices are classified), or a sequence of 8-bit pictures
        (1, y, x[, 3]).
    model: a loaded model for "covid", or its id; an ensemble's members are averaged.
    lungs: of the CT volume, where they are known already; None: they are found.
    Raises UnsuitableImageError when the input isn't chest CT, ModelTaskError, CancelledError.
    """
    started = time.monotonic()
    loaded = ModelStore().load(model, task="covid") if isinstance(model, str) else model
    if loaded.card.task != "covid":
        raise ModelTaskError(
            f"{loaded.card.id} is a model for {loaded.card.task}, expected a model for covid."
        )
    progress(Progress(0.0, "checking the input"))
    inputs = (study,) if isinstance(study, Volume) else tuple(study)
    if not inputs:
        raise InputError("No picture to classify, expected one or more.")
    classifier = SliceClassifier(loaded, options.device, options.batch_size)
    if isinstance(study, Volume):
        found = _classify_volume(study, lungs, classifier, options, progress, cancelled)
        unmeasured = unmeasured_notes(loaded.card, study)
    else:
        found = _classify_pictures(inputs, classifier, options, progress, cancelled)
        unmeasured = []
    scores, explanation, regions, notes = found
    covid = classifier.classes.index(COVID_CLASS)
    by_plane = [study_probability(part.probability, covid, options.rule) for part in scores]
    cards = (loaded.card, *(member.card for member in loaded.members))
    return CovidResult(
        inputs=inputs,
        classes=classifier.classes,
        probability=np.mean(by_plane, axis=0),
        spread=_study_spread(scores, covid, options.rule),
        slices=scores,
        explanation=explanation,
        explanation_kind=classifier.explanation_kind,
        regions=regions,
        cards=cards,
        options=options,
        device=classifier.device_name,
        seconds=time.monotonic() - started,
        notes=(*chance_notes(loaded.card), *unmeasured, *notes, *classifier.notes),
    )


_Found = tuple[
    tuple[SliceScores, ...],
    tuple[NDArray[np.float16], ...],
    tuple[RankedRegions, ...],
    tuple[str, ...],
]


def _classify_volume(
    volume: Volume,
    known: LungMask | None,
    classifier: SliceClassifier,
    options: CovidOptions,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> _Found:
    require_ct_study(volume)
    progress(Progress(0.02, "finding the lungs"))
    mask = known or segment_lungs(volume)
    if not mask.labels.any():
        raise UnsuitableImageError(
            f"{volume.name or 'The study'}: no lungs found, expected a chest CT."
        )
    axial = to_axial(volume)
    lungs = on_axial_grid(volume, mask.labels)
    planes = [plane_slices(axial, lungs, plane) for plane in PLANES if plane in options.planes]
    pictures = {part.plane: part.pictures() for part in planes}
    total = sum(len(part) for part in planes)
    scores: list[SliceScores] = []
    done = 0
    slicing = span_of(progress, 0.1, 1.0 - _EXPLAINED_SHARE)
    for part in planes:
        probability, spread = classifier.run(
            pictures[part.plane],
            part.pixel_mm,
            span_of(slicing, done / total, (done + len(part)) / total),
            cancelled,
            what=f"{part.plane} slices",
        )
        scores.append(SliceScores(part.plane, part.indices, probability, spread))
        done += len(part)
    notes = list(axial.notes) + ([mask.note] if mask.note else [])
    notes += unusual_notes(list(pictures[planes[0].plane]), classifier.reference_card)
    explained: NDArray[np.float16] = np.zeros(volume.grid_shape, np.float16)
    regions: tuple[RankedRegions, ...] = ()
    if planes[0].plane == "axial":
        explained, regions, warned = _explain_axial(
            volume, lungs, planes[0], scores[0], classifier, options, progress, cancelled
        )
        notes += warned
    else:
        notes.append("Explanations are drawn on axial slices only, and none were classified.")
    return tuple(scores), (explained,), regions, tuple(notes)


def _explain_axial(
    volume: Volume,
    lungs: NDArray[np.uint8],
    slices: LungSlices,
    scores: SliceScores,
    classifier: SliceClassifier,
    options: CovidOptions,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> tuple[NDArray[np.float16], tuple[RankedRegions, ...], list[str]]:
    covid = classifier.classes.index(COVID_CLASS)
    order = np.argsort(-scores.probability[:, covid], kind="stable")
    if not classifier.ranks_regions:
        order = order[: options.explained_slices]
    maps: dict[int, NDArray] = {}
    regions = []
    _, rows, columns = slices.place(0)
    for count, position in enumerate(order):
        fraction = 1.0 - _EXPLAINED_SHARE * (1.0 - count / len(order))
        progress(Progress(fraction, "explaining the answer"))
        why = classifier.explain(slices.picture(int(position)), slices.pixel_mm, cancelled)
        maps[int(position)] = why.map
        if why.box is not None and why.score is not None:
            box = why.box + np.array([columns.start, rows.start] * 2, np.float32)
            regions.append(RankedRegions(int(slices.indices[position]), box, why.score))
    explained = place_axial(slices, _of_the_highest(maps), volume)
    notes = evidence_notes(to_axial(replace(volume, array=explained)), lungs)
    return explained, tuple(regions), notes


def _classify_pictures(
    pictures: tuple[Volume, ...],
    classifier: SliceClassifier,
    options: CovidOptions,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> _Found:
    greys = [grey_picture(picture) for picture in pictures]
    rows, spreads, regions = [], [], []
    maps: dict[int, NDArray] = {}
    for number, grey in enumerate(greys):
        progress(Progress(number / len(greys), f"picture {number + 1} of {len(greys)}"))
        probability, spread = classifier.run(
            grey[None], pictures[number].spacing_mm[1:], cancelled=cancelled
        )
        why = classifier.explain(grey, pictures[number].spacing_mm[1:], cancelled)
        rows.append(probability[0])
        spreads.append(spread[0])
        maps[number] = why.map
        if why.box is not None and why.score is not None:
            regions.append(RankedRegions(number, why.box, why.score))
    scores = SliceScores("axial", np.arange(len(greys)), np.stack(rows), np.array(spreads))
    notes = unusual_notes(greys, classifier.reference_card)
    explanation = tuple(part[None].astype(np.float16) for part in _of_the_highest(maps).values())
    return (scores,), explanation, tuple(regions), tuple(notes)


def _of_the_highest(maps: dict[int, NDArray]) -> dict[int, NDArray]:
    """The maps of a study's slices as shares, 0..1, of the highest value in any of them."""
    highest = max((float(part.max()) for part in maps.values()), default=0.0)
    return {position: part / (highest or 1.0) for position, part in maps.items()}


def _study_spread(scores: Sequence[SliceScores], covid: int, rule: str) -> float:
    # Variants of one slice err together, so spreads are averaged like the probabilities, not
    # divided by the root of their number.
    return float(
        np.mean(
            [part.spread[counted_slices(part.probability, covid, rule)].mean() for part in scores]
        )
    )
