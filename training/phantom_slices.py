"""Lesion slices cut from synthetic chest CTs, cropped to the lungs as inference crops studies."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from medai.images import to_axial
from medai.inference.running.lung_slices import lung_slices
from medai.phantoms import ChestPhantom, chest_ct, chest_with_opacity, drawn_lesions
from training.lesion_slices import LesionSlice


def phantom_slices(
    seeds: Iterable[int],
    *,
    shape: tuple[int, int, int] = (16, 400, 400),
    spacing_mm: tuple[float, float, float] = (18.0, 0.95, 0.95),
) -> list[LesionSlice]:
    """The lung slices of one synthetic patient per seed, with their masks.

    Of five patients one is healthy, two have lesions that fill 15 to 75 % of the lungs, and two
    have three to eight lesions of 2 to 60 mL: a network sees lungs without lesions, and lungs that
    are full of them.
    """
    found = []
    for seed in seeds:
        phantom = _patient(seed, shape, spacing_mm)
        slices = lung_slices(to_axial(phantom.volume), phantom.lungs)
        found += [
            LesionSlice(
                f"phantom {seed} {slices.indices[number]}",
                f"phantom {seed}",
                slices.picture(number),
                phantom.lesions[slices.place(number)],
            )
            for number in range(len(slices))
        ]
    return found


def _patient(
    seed: int, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> ChestPhantom:
    rng = np.random.default_rng([seed, 77])
    if seed % 5 in (1, 4):
        return chest_with_opacity(rng.uniform(15.0, 75.0), shape, spacing_mm, seed=seed)
    lesions = () if seed % 5 == 3 else drawn_lesions(rng, 3, 8, 2, 60)
    return chest_ct(shape, spacing_mm, lesions=lesions, seed=seed)
