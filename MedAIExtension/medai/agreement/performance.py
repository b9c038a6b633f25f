"""Each rater against the majority of the others, with a naive rater beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.errors import RatingError

MEASURES = ("accuracy", "iou", "tpr", "ppv", "f1", "specificity", "mcc")


@dataclass(frozen=True)
class Scores:
    """Counts and rates of one mask against a reference; a rate over nothing is nan.

    tp, tn, fp, fn: units. tpr: sensitivity (recall); ppv: precision; mcc: Matthews' correlation.
    """

    tp: int
    tn: int
    fp: int
    fn: int
    accuracy: float
    iou: float
    tpr: float
    ppv: float
    f1: float
    specificity: float
    mcc: float


@dataclass(frozen=True)
class PerformanceTable:
    """raters: each against the majority of the others. naive: the whole region marked, against the
    same references. mean, naive_mean: over raters, by measure, nan left out.
    """

    raters: tuple[Scores, ...]
    naive: tuple[Scores, ...]
    mean: dict[str, float]
    naive_mean: dict[str, float]


def performance(
    masks: ArrayLike | Sequence[ArrayLike] | RatingPatterns, roi: ArrayLike | None = None
) -> PerformanceTable:
    """Every rater against the majority (mean > 0.5) of the others, and a naive rater.

    masks: (raters, *grid) of 0 and 1, at least 2 raters; or patterns counted before.
    A tie among the others counts as unmarked; units that no other rater saw are left out.
    Reading: the naive rater, who marks the whole region of interest, is the floor that any
    method should clear; 1 would mean raters can stand in for each other.
    Raises RatingError on fewer than 2 raters and on anything rating_patterns refuses.
    Source: Hurault et al. 2022.

    >>> table = performance([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 0]])
    >>> table.raters[1].accuracy, table.naive[1].accuracy
    (0.5, 0.25)
    """
    patterns = masks if isinstance(masks, RatingPatterns) else rating_patterns(masks, roi)
    if patterns.raters < 2:
        raise RatingError(f"{patterns.raters} rater: performance needs at least 2.")
    marked = patterns.ratings == 1
    seen = patterns.seen
    raters, naive = [], []
    for rater in range(patterns.raters):
        others = [k for k in range(patterns.raters) if k != rater]
        votes = marked[:, others].sum(axis=1)
        voters = seen[:, others].sum(axis=1)
        usable = seen[:, rater] & (voters > 0)
        reference = 2 * votes > voters
        weights = np.where(usable, patterns.counts, 0)
        raters.append(_count(marked[:, rater], reference, weights))
        naive.append(_count(np.ones_like(reference), reference, weights))
    return PerformanceTable(tuple(raters), tuple(naive), mean_scores(raters), mean_scores(naive))


def score_against(mask: ArrayLike, reference: ArrayLike, roi: ArrayLike | None = None) -> Scores:
    """One mask against a reference, inside the region of interest.

    >>> score_against([1, 1, 0, 0], [1, 0, 0, 0]).ppv
    0.5
    """
    patterns = rating_patterns([mask, reference], roi)
    return _count(patterns.ratings[:, 0] == 1, patterns.ratings[:, 1] == 1, patterns.counts)


def mean_scores(scores: Sequence[Scores]) -> dict[str, float]:
    """Mean of each measure over raters, nan left out."""
    means = {}
    for measure in MEASURES:
        values = np.array([getattr(one, measure) for one in scores])
        finite = values[np.isfinite(values)]
        means[measure] = float(finite.mean()) if finite.size else float("nan")
    return means


def rates(scores: Scores) -> dict[str, float]:
    """The measures of ``scores`` by name, without the counts."""
    return {field.name: getattr(scores, field.name) for field in fields(scores)[4:]}


def _count(mask: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> Scores:
    tp = int(weights[mask & reference].sum())
    tn = int(weights[~mask & ~reference].sum())
    fp = int(weights[mask & ~reference].sum())
    fn = int(weights[~mask & reference].sum())
    product = sqrt(tp + fp) * sqrt(tp + fn) * sqrt(tn + fp) * sqrt(tn + fn)
    return Scores(
        tp,
        tn,
        fp,
        fn,
        accuracy=_share(tp + tn, tp + tn + fp + fn),
        iou=_share(tp, tp + fp + fn),
        tpr=_share(tp, tp + fn),
        ppv=_share(tp, tp + fp),
        f1=_share(2 * tp, 2 * tp + fp + fn),
        specificity=_share(tn, tn + fp),
        mcc=(tp * tn - fp * fn) / product if product else float("nan"),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
