"""Lens and cataract masks that a hand corrected, measured as a network's are; no torch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.inference.cataract.result import CataractResult, EyeMap, notes_of, threshold_of
from medai.measures.cataract import measure_eye, measure_scan
from medai.measures.correction import EyeCorrection, dice

# Lens and cataract of one eye, bool (scans, y, x) in the scans' own pixels.
EyeMasks = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def corrected_in_steps(
    own: CataractResult, masks: Sequence[EyeMasks]
) -> Generator[None, None, CataractResult]:
    """A network's result with these masks, measured scan by scan; ``own`` when they are its own.

    own: as the network gave it; it is kept in ``of_network``. masks: one pair an eye, in its order.
    Cataract is lens too, also where it was drawn outside. A scan that the network had left out has
    a number once a lens is drawn in it. Raises InputError where shapes or numbers of eyes differ.
    """
    if len(masks) != len(own.eyes):
        raise InputError(f"Masks of {len(masks)} eyes, expected those of {len(own.eyes)}.")
    threshold = threshold_of(own.card, own.options)
    eyes = []
    for eye, (lens, cataract) in zip(own.eyes, masks, strict=True):
        eyes.append((yield from _corrected_eye(eye, lens | cataract, cataract, threshold)))
    if all(one is other for one, other in zip(eyes, own.eyes, strict=True)):
        return own
    told = [
        f"{eye.scans.label}: {eye.correction.sentence}"
        for eye in eyes
        if eye.correction is not None
    ]
    notes = (*told, *notes_of(eyes, own.card))
    return replace(own, eyes=tuple(eyes), notes=notes, of_network=own)


def _corrected_eye(
    eye: EyeMap, lens: NDArray[np.bool_], cataract: NDArray[np.bool_], threshold: float
) -> Generator[None, None, EyeMap]:
    if not lens.shape == cataract.shape == eye.lens.shape:
        raise InputError(
            f"{eye.scans.label}: masks of shape {lens.shape} and {cataract.shape}, expected "
            f"{eye.lens.shape}."
        )
    volume = eye.scans.volume
    spacing = volume.spacing_mm[1:] if volume.has_spacing else None
    measures, changed = list(eye.measures), 0
    for k, name in enumerate(eye.scans.names):
        yield
        if np.array_equal(lens[k], eye.lens[k]) and np.array_equal(cataract[k], eye.cataract[k]):
            continue
        changed += 1
        measures[k] = measure_scan(name, volume.array[k], lens[k], cataract[k], spacing)
    if not changed:
        return eye
    summary = measure_eye(eye.scans.label, measures, threshold, unread=len(eye.scans.left_out))
    yield
    difference = EyeCorrection(
        changed,
        summary.cataract_fraction - eye.summary.cataract_fraction,
        dice(eye.lens, lens),
        dice(eye.cataract, cataract),
    )
    return replace(
        eye,
        lens=lens,
        cataract=cataract,
        measures=tuple(measures),
        summary=summary,
        correction=difference,
    )
