"""Agreement on image quality, as raters judge it beside their delineations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from medai.agreement.alpha import alpha_interval, krippendorff_alpha
from medai.errors import RatingError


@dataclass(frozen=True)
class QualityAgreement:
    """Ordinal alpha with its bootstrap interval; mean and sd of the images' mean quality."""

    alpha: float
    low: float
    high: float
    raters: int
    images: int
    mean: float
    sd: float


def quality_agreement(
    scores: ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> QualityAgreement:
    """Krippendorff's ordinal alpha of quality scores, images drawn with replacement.

    scores: (raters, images) of −1 low, 0 normal, 1 high; nan where a rater gave none.
    Raises RatingError on other values or fewer than 2 raters.

    >>> found = quality_agreement([[-1, 0, 1, 1, np.nan], [-1, 0, 0, 1, 1]], resamples=100)
    >>> found.images, round(found.alpha, 2)
    (5, 0.79)
    """
    table = np.asarray(scores, dtype=np.float64)
    present = np.isfinite(table)
    if not np.isin(table[present], (-1.0, 0.0, 1.0)).all():
        raise RatingError("A quality score other than −1, 0 and 1.")
    alpha = krippendorff_alpha(table, "ordinal")
    interval = alpha_interval(table, "ordinal", resamples=resamples, seed=seed)
    rated = present.any(axis=0)
    per_image = np.nanmean(table[:, rated], axis=0)
    return QualityAgreement(
        alpha=alpha,
        low=interval.low,
        high=interval.high,
        raters=int(present.any(axis=1).sum()),
        images=int(rated.sum()),
        mean=float(per_image.mean()) if per_image.size else float("nan"),
        sd=float(per_image.std(ddof=1)) if per_image.size > 1 else float("nan"),
    )
