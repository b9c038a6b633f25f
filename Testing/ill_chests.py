"""Synthetic chests with lesions by the rule a test or a benchmark needs."""

from __future__ import annotations

import numpy as np

from medai.phantoms import ChestPhantom, chest_ct, drawn_lesions

SHAPE = (24, 224, 224)
SPACING_MM = (12.0, 1.7, 1.7)


def drawn_chest(
    seed: int,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
) -> ChestPhantom:
    """Three to eight lesions of 2 to 60 mL, a third of them consolidations, most on the pleura."""
    lesions = drawn_lesions(np.random.default_rng([seed, 77]), 3, 8, 2, 60)
    return chest_ct(shape, spacing_mm, lesions=lesions, seed=seed)


def true_opacity_percent(phantom: ChestPhantom) -> float:
    """Lesion voxels in percent of lung voxels."""
    return 100.0 * np.count_nonzero(phantom.lesions) / np.count_nonzero(phantom.lungs)
