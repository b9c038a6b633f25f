"""Synthetic chests whose lesions fill a wanted share of the lungs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from medai.phantoms.chest_ct import ChestPhantom, chest_ct
from medai.phantoms.chest_lesions import LesionKind, PhantomLesion, Side

_KINDS: tuple[LesionKind, ...] = ("ground-glass opacity", "consolidation")
_SIDES: tuple[tuple[int, Side], ...] = ((1, "right"), (2, "left"))
# The percent of a lung that one lesion may fill; larger ones do not always find room.
_LARGEST_PERCENT = 12.0


def chest_with_opacity(
    percent: float,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    *,
    seed: int = 0,
) -> ChestPhantom:
    """Lesions that fill ``percent`` of the lungs: equal shares of both lungs, every third dense.

    shape, spacing_mm: as of ``chest_ct``. Raises InputError when they find no room.
    """
    healthy = chest_ct(shape, spacing_mm, lesions=(), seed=seed)
    return chest_ct(shape, spacing_mm, lesions=tuple(_filling(healthy, percent)), seed=seed)


def _filling(healthy: ChestPhantom, percent: float) -> Iterator[PhantomLesion]:
    voxel_ml = healthy.volume.voxel_volume_ml
    parts = max(1, int(np.ceil(percent / _LARGEST_PERCENT)))
    for label, side in _SIDES:
        lung_ml = np.count_nonzero(healthy.lungs == label) * voxel_ml
        for number in range(parts if percent else 0):
            kind = _KINDS[int(number % 3 == 2)]
            yield PhantomLesion(kind, lung_ml * percent / 100.0 / parts, side)
