"""A chest CT in; lesions, lungs and numbers out."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import (
    MissingDependencyError,
    ModelTaskError,
)
from medai.images import AxialVolume, Volume, on_axial_grid, to_axial
from medai.images.hounsfield import require_ct_study
from medai.inference.lesions.lungs_of_study import lungs_of_study
from medai.inference.lesions.opacity_interval import opacity_interval
from medai.inference.lesions.result import AXIAL_ONLY, LesionOptions, LesionResult
from medai.inference.lesions.rethreshold import (
    large_enough,
    lesions_from_probability,
    lesions_from_regions,
)
from medai.inference.running.lung_slices import lung_slices
from medai.inference.running.unmeasured import unmeasured_notes
from medai.measures import lung_zones, measure_lesions
from medai.models import Model, ModelStore
from medai.progress import Progress, ProgressCallback, ignore_progress, span_of

if TYPE_CHECKING:
    from medai.inference.lesions.slice_networks import SliceAnswer

# Shares of the whole run, for the progress bar.
_LUNGS_DONE = 0.08
_NETWORK_DONE = 0.9


def segment_lesions(
    volume: Volume,
    model: Model | str,
    options: LesionOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> LesionResult:
    """Find and measure the lesions of a chest CT (S2: Ter-Sarkisov; S1: opacity percentages).

    volume: CT in HU, any orientation; the result is on its own grid. model: loaded, or an id of
    the store. Only slices with lung are looked at, and lesions lie inside the lungs.
    progress: gets fractions that never fall, and a few words. cancelled: asked before each batch.

    Raises UnsuitableImageError (not a CT study in HU, or no lungs in view), GeometryError
    (``options.lungs`` on another grid), InputError, ModelTaskError and the other model errors,
    MissingDependencyError (no torch, no GPU), WorkerError (out of memory), CancelledError.
    """
    started = time.monotonic()
    options = LesionOptions() if options is None else options
    require_ct_study(volume)
    _require_torch()
    progress(Progress(0.0, "Loading the model"))
    if isinstance(model, str):
        model = ModelStore().load(model, task="lesions")
    elif model.card.task != "lesions":
        raise ModelTaskError(f"{model.card.id} is a model for {model.card.task}, not for lesions.")
    options = _with_thresholds(options, model)

    raise_if_cancelled(cancelled)
    progress(Progress(0.01, "Finding the lungs"))
    axial = to_axial(volume)
    labels, note = lungs_of_study(volume, options.lungs)
    zones = lung_zones(labels, volume)
    inside = on_axial_grid(volume, zones)
    raise_if_cancelled(cancelled)
    in_network = span_of(progress, _LUNGS_DONE, _NETWORK_DONE)
    answer = _answer(model, axial, inside, options, in_network, cancelled)
    progress(Progress(_NETWORK_DONE, "Measuring the lesions"))
    answer.probability[inside == 0] = 0
    if answer.rois is not None:
        lesions = lesions_from_regions(
            answer.rois, inside, options.score_threshold, options.mask_threshold
        )
    else:
        lesions = lesions_from_probability(
            answer.probability, answer.likeliest, options.mask_threshold
        )
    lesions, probability = _restored(axial, lesions), _restored(axial, answer.probability)
    lesions = large_enough(volume, lesions, len(model.classes), options)
    raise_if_cancelled(cancelled)
    findings, burden = measure_lesions(volume, lesions, zones, probability, model.classes)
    likeliest = None if answer.likeliest is None else _restored(axial, answer.likeliest)
    bound = model.card.decision.interval_probability
    if bound is not None and answer.rois is None and options.planes == AXIAL_ONLY:
        interval = opacity_interval(
            volume, probability, likeliest, zones, len(model.classes), options, bound
        )
        burden = replace(burden, opacity_interval_percent=interval)
    progress(Progress(1.0, "Done"))
    return LesionResult(
        volume=volume,
        lesions=lesions,
        classes=model.classes,
        probability=probability,
        score_map=None if answer.score_map is None else _restored(axial, answer.score_map),
        zones=zones,
        rois=answer.rois,
        findings=findings,
        burden=burden,
        card=model.card,
        options=options,
        device=answer.device,
        seconds=time.monotonic() - started,
        notes=tuple(
            words
            for words in (
                model.card.warning,
                *unmeasured_notes(model.card, volume),
                *axial.notes,
                note,
                *answer.notes,
            )
            if words
        ),
        likeliest=likeliest,
    )


def _answer(
    model: Model,
    axial: AxialVolume,
    inside: NDArray[np.uint8],
    options: LesionOptions,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> SliceAnswer:
    if options.planes != AXIAL_ONLY:
        from medai.inference.lesions.plane_average import run_in_planes

        return run_in_planes(
            model,
            axial,
            inside,
            options.planes,
            device=options.device,
            batch_size=options.batch_size,
            progress=progress,
            cancelled=cancelled,
        )
    from medai.inference.lesions.slice_networks import run_networks

    return run_networks(
        model,
        lung_slices(axial, inside),
        device=options.device,
        batch_size=options.batch_size,
        score_threshold=options.score_threshold,
        progress=progress,
        cancelled=cancelled,
    )


def _restored(axial: AxialVolume, array: NDArray) -> NDArray:
    return np.ascontiguousarray(axial.restore(array))


def _require_torch() -> None:
    if find_spec("torch") is None or find_spec("torchvision") is None:
        raise MissingDependencyError(
            "Segmenting needs PyTorch and torchvision. In Slicer: install them with the PyTorch "
            "extension; elsewhere: pip install 'medai[ai]'."
        )


def _with_thresholds(options: LesionOptions, model: Model) -> LesionOptions:
    """Thresholds the user left open are the card's; without regions there is no score."""
    decision = model.card.decision
    mask, score = options.mask_threshold, options.score_threshold
    if mask is None:
        mask = decision.voxel_probability
    network = model.card.network
    regions = network is not None and network.name == "lesion_mask_rcnn"
    if not regions or options.planes != AXIAL_ONLY:
        score = None
    elif score is None:
        score = decision.region_score
    least = options.min_region_ml
    if least is None:
        least = decision.least_region_ml or 0.0
    return replace(options, mask_threshold=mask, score_threshold=score, min_region_ml=least)
