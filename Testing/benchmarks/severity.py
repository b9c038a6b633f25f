"""Opacity and its change by the recommended lesion model, beside the truth of synthetic chests.

``python -m Testing.benchmarks.severity``. Lungs and lesions are found as a user's study has them
found; the error is in percentage points of lung.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from medai.inference import LesionOptions, segment_lesions
from medai.measures import LesionBurden
from medai.measures.follow_up import follow_up
from medai.models import Model, ModelStore
from medai.phantoms import ChestPhantom, chest_ct, chest_with_opacity
from Testing.ill_chests import SHAPE, SPACING_MM, true_opacity_percent

PERCENTS = (0, 5, 10, 20, 40, 60)
FOLLOW_UP_SEEDS = (7, 8, 9)
GROWTH = 1.2


def found(phantom: ChestPhantom, model: Model, *, true_lungs: bool) -> LesionBurden:
    """The burden by the network, in lungs found or known."""
    lungs = replace(phantom.volume, array=phantom.lungs) if true_lungs else None
    return segment_lesions(phantom.volume, model, LesionOptions(lungs=lungs)).burden


def main(model_id: str | None = None) -> None:
    """Print found and true opacity, and found and true growth."""
    model = ModelStore().load(model_id, task="lesions")
    print(f"{model.card.id}: opacity, percent of lung; error in points")
    print(f"{'truth':>8}{'found':>9}{'error':>8}   in true lungs{'':>4}error")
    errors = []
    for seed, percent in enumerate(PERCENTS):
        phantom = chest_with_opacity(percent, SHAPE, SPACING_MM, seed=seed)
        truth = true_opacity_percent(phantom)
        whole, known = (found(phantom, model, true_lungs=known) for known in (False, True))
        errors.append(whole.opacity_percent - truth)
        print(
            f"{truth:>8.2f}{whole.opacity_percent:>9.2f}{errors[-1]:>+8.2f}"
            f"{known.opacity_percent:>16.2f}{known.opacity_percent - truth:>+10.2f}",
            flush=True,
        )
    print(f"mean absolute error {np.mean(np.abs(errors)):.2f} points")
    print(f"follow-up: lesions that grew by {100 * (GROWTH - 1):.0f} % in volume")
    for seed in FOLLOW_UP_SEEDS:
        dates = [chest_ct(SHAPE, SPACING_MM, seed=seed, growth=g) for g in (1.0, GROWTH)]
        true_change = np.divide(*(np.count_nonzero(p.lesions) for p in reversed(dates))) - 1
        change = follow_up(*(found(p, model, true_lungs=False) for p in dates))
        print(
            f"  truth {100 * true_change:+.1f} %, found "
            f"{change.lesion_volume_change_percent:+.1f} % in volume, "
            f"{change.opacity_change_points:+.2f} points of opacity",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:2])
