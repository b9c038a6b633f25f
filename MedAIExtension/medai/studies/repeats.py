"""How far each rater of a study agrees with himself, on images that came back unannounced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medai.agreement.alpha import krippendorff_alpha
from medai.agreement.overlap import dice
from medai.agreement.patterns import rating_patterns
from medai.agreement.pixel_icc import pixel_iccs
from medai.agreement.ratings import ImageRatings
from medai.errors import RatingError
from medai.studies.ratings import repeated_ratings
from medai.studies.ratings_source import StudyRatings

REPEAT_COLUMNS = ("rater", "images", "pixel_icc", "krippendorff_alpha", "dice")


def repeat_table(source: StudyRatings) -> tuple[dict[str, Any], ...]:
    """A row for each rater: rater, images, and over these the mean pixel ICC, alpha and Dice of
    the first and second outline; no rows when nothing was repeated.
    """
    rows = []
    for rater, pairs in repeated_ratings(source.study, source.label).items():
        patterns = [rating_patterns(pair.masks, pair.roi) for pair in pairs]
        measures = {
            "pixel_icc": [found.icc for found in pixel_iccs(patterns)],
            "krippendorff_alpha": [_alpha(pair) for pair in pairs],
            "dice": [dice(pair.masks[0], pair.masks[1], pair.roi) for pair in pairs],
        }
        means = {name: _mean(values) for name, values in measures.items()}
        rows.append({"rater": rater, "images": len(pairs), **means})
    return tuple(rows)


def _alpha(pair: ImageRatings) -> float:
    masks = pair.masks if pair.roi is None else pair.masks[:, pair.roi != 0]
    try:
        return krippendorff_alpha(masks.reshape(2, -1))
    except RatingError:
        return float("nan")


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
