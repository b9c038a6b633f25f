"""Scans of the anterior segment -> probability of cataract for every pixel (S5)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import InputError, ModelShapeError, ModelTaskError, UnsuitableImageError
from medai.images.crop_box import CropBox, centered_crop
from medai.images.oct_scans import EyeScans, eye_from_volume
from medai.images.volume import Volume
from medai.inference.cataract.lens_crop import (
    crop_around,
    find_lens,
    from_network_grid,
    network_size,
    to_network_grid,
)
from medai.inference.cataract.result import (
    CATARACT_CLASS,
    LENS_CLASS,
    CataractOptions,
    CataractResult,
    EyeMap,
    measure_map,
    notes_of,
    threshold_of,
)
from medai.inference.running.acceleration import accelerated
from medai.inference.running.device import choose_device, describe_device
from medai.inference.running.letterbox import normalise
from medai.inference.running.tiles import run_tiled
from medai.models import Model, ModelStore
from medai.progress import Progress, ProgressCallback, ignore_progress


def map_cataract(
    scans: Volume | EyeScans | Sequence[EyeScans],
    model: Model | str,
    options: CataractOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> CataractResult:
    """Map cataract in the scans of one eye or several and measure the cataract fraction.

    scans: ``EyeScans`` (see ``images.oct_scans.read_eyes``), or a Volume (scans, y, x) of one eye.
    model: a loaded model or the id of one. Results are in each scan's own pixels.
    Raises InputError and its kinds for scans or boxes that can't be used, ModelError and its
    kinds for a model of another task or shape, CancelledError once ``cancelled()`` is true.
    A scan that shows no cornea with a lens below it is left out, whatever the crop, unless its box
    was placed by hand; UnsuitableImageError when no scan is left.
    """
    started = time.perf_counter()
    options = options or CataractOptions()
    eyes = _as_eyes(scans)
    placed = [_place_crops(eye, options) for eye in eyes]
    _require_any(eyes, placed)
    progress(Progress(0.0, "Loading the model"))
    loaded = ModelStore().load(model, task="cataract") if isinstance(model, str) else model
    _check_model(loaded)
    device = choose_device(options.device)
    threshold = threshold_of(loaded.card, options)
    total, done = sum(len(eye.names) - len(unseen) for eye, (_, unseen) in _pairs(eyes, placed)), 0
    maps: list[EyeMap] = []
    for eye, (boxes, unseen) in _pairs(eyes, placed):
        used = [k for k in range(len(boxes)) if k not in unseen]
        shape = eye.volume.grid_shape
        probability = np.zeros(shape, np.float16)
        lens, cataract = np.zeros(shape, bool), np.zeros(shape, bool)
        for k, classes in _class_maps(eye.volume.array, boxes, used, loaded, options, device):
            raise_if_cancelled(cancelled)
            place = (k, *boxes[k].slices)
            background, clear, opaque = classes
            # The most probable class of each pixel; an argmax takes several times as long.
            called = (opaque > clear) & (opaque > background)
            probability[place] = opaque.half().cpu().numpy()
            cataract[place] = called.cpu().numpy()
            lens[place] = (called | (clear > background)).cpu().numpy()
            done += 1
            progress(Progress(done / total, f"{eye.label}: scan {k + 1} of {len(boxes)}"))
        maps.append(measure_map(eye, boxes, probability, lens, cataract, threshold, unseen))
    return CataractResult(
        eyes=tuple(maps),
        card=loaded.card,
        options=options,
        device=describe_device(device),
        seconds=time.perf_counter() - started,
        notes=notes_of(maps, loaded.card),
    )


def _as_eyes(scans: Volume | EyeScans | Sequence[EyeScans]) -> tuple[EyeScans, ...]:
    if isinstance(scans, Volume):
        return (eye_from_volume(scans),)
    if isinstance(scans, EyeScans):
        return (scans,)
    if not scans:
        raise InputError("No scans were given, expected those of one eye or more.")
    return tuple(scans)


_Placed = tuple[tuple[CropBox, ...], dict[int, str]]


def _place_crops(eye: EyeScans, options: CataractOptions) -> _Placed:
    """A box for each scan, and the scans without a lens with the reason."""
    shape = eye.volume.grid_shape[1:]
    boxes: list[CropBox] = []
    unseen: dict[int, str] = {}
    for k, (name, pixels) in enumerate(zip(eye.names, eye.volume.array, strict=True)):
        by_hand = eye.crops[k] if eye.crops else None
        if by_hand is not None:
            boxes.append(by_hand.checked(shape, name))
            continue
        found = centered_crop(shape)
        if isinstance(options.crop, CropBox):
            found = options.crop.checked(shape, name)
        lens = find_lens(pixels)
        if lens is None:
            unseen[k] = "no cornea with a lens below it is seen"
        elif options.crop == "lens":
            found = crop_around(lens, shape)
        boxes.append(found)
    return tuple(boxes), unseen


def _pairs(
    eyes: Sequence[EyeScans], placed: Sequence[_Placed]
) -> Iterator[tuple[EyeScans, _Placed]]:
    return zip(eyes, placed, strict=True)


def _require_any(eyes: Sequence[EyeScans], placed: Sequence[_Placed]) -> None:
    if any(len(unseen) < len(eye.names) for eye, (_, unseen) in _pairs(eyes, placed)):
        return
    names = [name for eye in eyes for name in eye.names]
    where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    raise UnsuitableImageError(
        f"{where}: no cornea with a lens below it is seen, expected anterior-segment OCT B-scans. "
        "If they are, place the crop of each by hand."
    )


def _check_model(model: Model) -> None:
    card = model.card
    if card.task != "cataract":
        raise ModelTaskError(f"Model {card.id} is for {card.task}, expected one for cataract.")
    if model.classes != (LENS_CLASS, CATARACT_CLASS):
        raise ModelTaskError(
            f"Model {card.id} tells apart {', '.join(model.classes)}, expected {LENS_CLASS} and "
            f"{CATARACT_CLASS}."
        )
    for single in model.singles:
        channels = getattr(single.network, "in_channels", 1)
        if channels != 1:
            raise ModelShapeError(
                f"Model {single.card.id} takes pictures of {channels} channels, expected 1 (gray)."
            )


def _class_maps(
    scans: NDArray[np.uint8],
    boxes: Sequence[CropBox],
    used: Sequence[int],
    model: Model,
    options: CataractOptions,
    device: torch.device,
) -> Iterator[tuple[int, Tensor]]:
    """Number and class probabilities (3, y, x) in the pixels of its crop, of each scan used."""
    batch = options.batch_size or (8 if device.type == "cuda" else 1)
    for start in range(0, len(used), batch):
        numbers = used[start : start + batch]
        sizes = sorted({(boxes[k].height, boxes[k].width) for k in numbers})
        for size in sizes:
            alike = [k for k in numbers if (boxes[k].height, boxes[k].width) == size]
            crops = np.stack([scans[(k, *boxes[k].slices)] for k in alike])
            with torch.inference_mode():
                maps = _probabilities(
                    crops, boxes[alike[0]], scans.shape[1:], model, options, device
                )
            yield from zip(alike, maps, strict=True)


def _probabilities(
    crops: NDArray[np.uint8],
    box: CropBox,
    shape: tuple[int, ...],
    model: Model,
    options: CataractOptions,
    device: torch.device,
) -> Tensor:
    """Class probabilities (n, 3, y, x) of crops (n, y, x), averaged over an ensemble's members."""
    grey = torch.from_numpy(crops)[:, None].to(device).float()
    total: Tensor | None = None
    for single in model.singles:
        card, network = single.card, single.network
        assert card.input is not None and network is not None
        side = max(card.input.size)
        size = network_size(box, (shape[0], shape[1]), side)
        x = normalise(to_network_grid(grey, size), card.input.mean, card.input.std)
        fast = accelerated(network, device)
        maps = run_tiled(fast, x, side)
        if options.flip_average:
            maps = (maps + run_tiled(fast, x.flip(-1), side).flip(-1)) / 2
        maps = from_network_grid(maps, box)
        total = maps if total is None else total + maps
    assert total is not None
    return total / len(model.singles)
