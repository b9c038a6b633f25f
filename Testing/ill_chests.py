"""Synthetic chests with lesions by the rule a test or a benchmark needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from medai.phantoms import ChestPhantom, PhantomLesion, chest_ct, drawn_lesions
from medai.phantoms.chest_lesions import LesionKind

SHAPE = (24, 224, 224)
SPACING_MM = (12.0, 1.7, 1.7)
_KINDS: tuple[LesionKind, ...] = ("ground-glass opacity", "consolidation")
# The percent of a lung that one lesion may fill; larger ones do not always find room.
_LARGEST_PERCENT = 12.0


def drawn_chest(
    seed: int,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
) -> ChestPhantom:
    """Three to eight lesions of 2 to 60 mL, a third of them consolidations, most on the pleura."""
    lesions = drawn_lesions(np.random.default_rng([seed, 77]), 3, 8, 2, 60)
    return chest_ct(shape, spacing_mm, lesions=lesions, seed=seed)


def chest_with_opacity(
    percent: float,
    seed: int = 0,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
) -> ChestPhantom:
    """Lesions that fill ``percent`` of the lungs: equal shares of both lungs, every third dense."""
    healthy = chest_ct(shape, spacing_mm, lesions=(), seed=seed)
    return chest_ct(shape, spacing_mm, lesions=tuple(_filling(healthy, percent)), seed=seed)


def true_opacity_percent(phantom: ChestPhantom) -> float:
    """Lesion voxels in percent of lung voxels."""
    return 100.0 * np.count_nonzero(phantom.lesions) / np.count_nonzero(phantom.lungs)


def _filling(healthy: ChestPhantom, percent: float) -> Iterator[PhantomLesion]:
    voxel_ml = healthy.volume.voxel_volume_ml
    parts = max(1, int(np.ceil(percent / _LARGEST_PERCENT)))
    for label, side in ((1, "right"), (2, "left")):
        lung_ml = np.count_nonzero(healthy.lungs == label) * voxel_ml
        for number in range(parts if percent else 0):
            kind = _KINDS[int(number % 3 == 2)]
            yield PhantomLesion(kind, lung_ml * percent / 100.0 / parts, side)
