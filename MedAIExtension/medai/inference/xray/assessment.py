"""Chest radiographs -> lungs, opacities by kind, zones and their scores."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import InputError, ModelTaskError
from medai.images.radiograph import checked_radiograph, read_radiographs
from medai.images.volume import Volume
from medai.inference.running.device import choose_device, describe_device
from medai.inference.running.letterbox import Frame, normalise
from medai.inference.xray.contrast import even_contrast
from medai.inference.xray.film_check import require_upright_film
from medai.inference.xray.result import (
    GLASS_CLASS,
    LUNG_CLASS,
    SOLID_CLASS,
    Film,
    XrayOptions,
    XrayResult,
)
from medai.measures.radiograph import measure_radiograph, six_zones, two_lungs
from medai.measures.zone_scores import checked_reader, parse_reader, six_zone_score
from medai.models import Model, ModelStore
from medai.networks import RadiographNet
from medai.progress import Progress, ProgressCallback, ignore_progress

_CLASSES = (LUNG_CLASS, GLASS_CLASS, SOLID_CLASS)
_USUAL_THRESHOLD = 0.5


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[tuple[Volume, ...], XrayOptions]:
    """The radiograph that a row of a study list names.

    cells: reader (six scores, "3,2,1,0,1,2"). Raises as ``read_radiographs``.
    """
    readers = {0: parse_reader(cells["reader"])} if "reader" in cells else {}
    films = tuple(replace(film, name=name) for film in read_radiographs([path]))
    return films, XrayOptions(device, readers=readers)


def assess_radiographs(
    films: Volume | Sequence[Volume],
    model: Model | str,
    options: XrayOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> XrayResult:
    """Find lungs and opacities in radiographs of one patient, and score them.

    films: each (1, y, x), bright where much was absorbed; see ``images.radiograph``. model: a
    loaded model or the id of one. Raises InputError and its kinds for films that can't be used,
    ModelError and its kinds, CancelledError once ``cancelled()`` is true.
    """
    started = time.perf_counter()
    options = options or XrayOptions()
    given = (films,) if isinstance(films, Volume) else tuple(films)
    if not given:
        raise InputError("No radiographs were given, expected one or more.")
    order = sorted(range(len(given)), key=lambda k: (_date(given[k]) or date.max, k))
    progress(Progress(0.0, "Loading the model"))
    loaded = ModelStore().load(model, task="xray") if isinstance(model, str) else model
    network = _network(loaded)
    device = choose_device(options.device)
    network.to(device)
    found = []
    for done, place in enumerate(order):
        raise_if_cancelled(cancelled)
        film = checked_radiograph(given[place])
        reader = options.readers.get(place)
        if reader is not None:
            checked_reader(reader, film.name)
        found.append(replace(_assess(film, loaded, network, options, device), reader=reader))
        progress(Progress((done + 1) / len(given), film.name))
    return XrayResult(
        films=tuple(found),
        card=loaded.card,
        options=options,
        device=describe_device(device),
        seconds=time.perf_counter() - started,
        notes=_notes(found, loaded),
    )


def _network(model: Model) -> RadiographNet:
    network = model.network
    if model.card.task != "xray" or not isinstance(network, RadiographNet):
        raise ModelTaskError(f"Model {model.card.id} is for {model.card.task}, expected xray.")
    if model.classes != _CLASSES:
        raise ModelTaskError(
            f"Model {model.card.id} tells apart {', '.join(model.classes)}, expected "
            f"{', '.join(_CLASSES)}."
        )
    return network


@torch.inference_mode()
def _assess(
    film: Volume,
    model: Model,
    network: RadiographNet,
    options: XrayOptions,
    device: torch.device,
) -> Film:
    entry = model.card.input
    assert entry is not None
    grey = even_contrast(film.array[0])
    require_upright_film(network, grey, entry, film.name)
    frame = Frame.fit(grey.shape, (entry.size[0], entry.size[1]), film.spacing_mm[1:])
    picture = frame.into(torch.from_numpy(grey)[None].to(device))
    images = normalise(picture, entry.mean, entry.std)
    logits = network(images).float()
    classes = frame.back(logits.softmax(1))[0].cpu().numpy()
    lungs = two_lungs(classes[0] < 0.5, film.name)
    opacity = classes[2] + classes[3]
    threshold = options.threshold or model.card.decision.threshold or _USUAL_THRESHOLD
    opaque = (opacity >= threshold) & (lungs > 0)
    opacities = np.where(opaque, 1 + (classes[3] > classes[2]), 0).astype(np.uint8)
    zones = six_zones(lungs)
    return Film(
        volume=film,
        lungs=lungs[None],
        opacities=opacities[None],
        zones=zones[None],
        probability=np.where(lungs > 0, opacity, 0).astype(np.float16)[None],
        measure=measure_radiograph(lungs, opacities, zones),
        score=six_zone_score(
            zone_probabilities(network, images, logits, zones, frame),
            float(network.zone_head.spread),
        ),
    )


def zone_probabilities(
    network: RadiographNet,
    images: torch.Tensor,
    logits: torch.Tensor,
    zones: NDArray[np.uint8],
    frame: Frame,
) -> NDArray[np.float64]:
    """Probability of the scores 0 to 3 of each zone, (6, 4), nan for a zone not in view.

    images, logits: of one film in its frame. zones: (y, x) on the film's own pixels.
    """
    masks = zone_masks(zones, frame, images.device)
    scores = network.zone_scores(images, logits, masks)[0].double().cpu().numpy()
    scores[[not (zones == number).any() for number in range(1, 7)]] = np.nan
    return scores


def zone_masks(zones: NDArray[np.uint8], frame: Frame, device: torch.device) -> torch.Tensor:
    """Zones (y, x) of a film as masks (1, 6, *frame.size)."""
    labels = frame.into_labels(torch.from_numpy(zones)[None].to(device))
    return torch.stack([(labels == number).float() for number in range(1, 7)], dim=1)


def _date(film: Volume) -> date | None:
    return None if film.origin is None else film.origin.date


def _notes(films: Sequence[Film], model: Model) -> tuple[str, ...]:
    use = model.card.use
    notes = [f"About the model: {use.limits} It has never seen {use.never_seen}"]
    for film in films:
        name = film.volume.name
        notes += [f"{name}: {note}" for note in film.volume.notes]
        notes += [
            f"{name}: the {side} lung is not seen; scores of both lungs are not computed."
            for side, value in (("right", 1), ("left", 2))
            if not (film.lungs == value).any()
        ]
    if len(films) > 1 and any(_date(film.volume) is None for film in films):
        notes.append("The films' dates are not all known: their order is as given.")
    return tuple(dict.fromkeys(notes))
