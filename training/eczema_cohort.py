"""Raters' outlines for the tables and figures of S3: the user's own, or simulated ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from medai.agreement import CohortResult, ImageRatings, cohort
from medai.phantoms.raters import SIMULATED_RATERS, simulate_rating
from medai.phantoms.skin import skin_photograph
from medai.studies.rater_folder import open_rater_folder

SIMULATED = "12 synthetic photographs, 4 simulated raters"
GRIDS = (10, 15, 20)
_PHOTOGRAPHS = 12


def ratings_of(folder: Path | None) -> tuple[list[ImageRatings], str]:
    """Every image's ratings, and what they are in words.

    folder: ``image/rater.png`` as ``medai agree`` takes it; None simulates raters.
    """
    if folder is None:
        return [_simulated(number) for number in range(1, _PHOTOGRAPHS + 1)], SIMULATED
    source = open_rater_folder(folder)
    ratings = [source.read(image).ratings for image in source.images]
    return ratings, f"{folder}: {len(ratings)} images"


def measured_cohort(folder: Path | None) -> tuple[CohortResult, str]:
    """The agreement of all raters, fitted as published (Laplace), and what was measured."""
    ratings, where = ratings_of(folder)
    return cohort(ratings, grids=GRIDS, method="laplace", leave_one_out=False), where


def _simulated(number: int) -> ImageRatings:
    phantom = skin_photograph(seed=number)
    distance = 2.5 / phantom.severity  # the fainter, the further raters are from the border
    masks = [
        simulate_rating(
            phantom.lesions,
            phantom.volume.spacing_mm,
            replace(
                rater,
                shift_mm=distance * rater.shift_mm,
                roughness_mm=distance * rater.roughness_mm,
                miss_rate=min(rater.miss_rate / phantom.severity, 1.0),
            ),
            roi=phantom.skin,
            seed=100 * number + k,
        )[0]
        for k, rater in enumerate(SIMULATED_RATERS)
    ]
    names = tuple(rater.name for rater in SIMULATED_RATERS)
    return ImageRatings(f"photograph {number}", np.stack(masks), names, phantom.skin[0])
