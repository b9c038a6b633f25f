"""Is a model, or a new rater, as close to the raters as they are to each other?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.interval import Interval, percentile_interval
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.ratings import ImageRatings
from medai.errors import RatingError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AlternativeAnnotator:
    """The candidate beside the raters.

    advantage: probability that the candidate is closer to the other raters than one of them is,
        ties half; 0.5 is as close as they are to each other. With its bootstrap interval.
    per_rater: the same in each rater's place, by name.
    candidate_dice, rater_dice: mean Dice with the other raters, of the candidate and of a rater.
    difference: candidate − rater of that mean, with its interval.
    images: that the answer rests on.
    """

    candidate: str
    advantage: float
    advantage_interval: Interval
    per_rater: dict[str, float]
    candidate_dice: float
    rater_dice: float
    difference: float
    difference_interval: Interval
    images: int

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        low, high = self.advantage_interval.low, self.advantage_interval.high
        verdict = (
            "is closer to the raters than they are to each other"
            if low > 0.5
            else "is further from the raters than they are from each other"
            if high < 0.5
            else "differs from the raters as they differ from each other"
        )
        return f"{self.candidate} {verdict} (advantage probability {low:.2f}–{high:.2f})."


def alternative_annotator(
    candidate: str,
    images: Iterable[ImageRatings | tuple[str, tuple[str, ...], RatingPatterns]],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> AlternativeAnnotator:
    """Put the candidate in each rater's place in turn and see who is closer to the rest.

    candidate: the name of one of the raters in ``images``; the model's masks are given like a
        rater's. images: those with the candidate and at least two raters count; patterns with
        names may stand for masks.
    For an image and a rater j, closeness is the mean Dice with the raters other than j (two empty
    masks agree fully). Images are drawn with replacement for the intervals.
    Raises RatingError when no image has the candidate and two raters.
    Source: after Calderon, Reichart and Dror 2025, "The alternative annotator test".

    >>> masks = np.random.default_rng(0).random((5, 4, 40)) < 0.4
    >>> names = ("a", "b", "c", "model")
    >>> images = [ImageRatings(f"{k}", mask, names) for k, mask in enumerate(masks)]
    >>> 0.0 < alternative_annotator("model", images).advantage < 1.0
    True
    """
    names: list[str] = []
    wins: list[dict[str, float]] = []
    closeness: list[tuple[float, float]] = []
    for image in images:
        if isinstance(image, ImageRatings):
            raters, patterns = image.raters, rating_patterns(image.masks, image.roi)
        else:
            _, raters, patterns = image
        if candidate not in raters or len(raters) < 3:
            continue
        won, pair = _compare(raters.index(candidate), raters, patterns)
        names += [name for name in won if name not in names]
        wins.append(won)
        closeness.append(pair)
    if not wins:
        raise RatingError(
            f"No image has {candidate} and at least two raters: nothing to compare with."
        )
    table = np.array([[won.get(name, np.nan) for name in names] for won in wins])
    pairs = np.array(closeness)
    drawn = np.random.default_rng(seed).integers(0, len(wins), (resamples, len(wins)))
    advantages = _mean_over_raters(table[drawn])
    differences = pairs[drawn].mean(axis=1) @ np.array([1.0, -1.0])
    per_rater = np.nanmean(table, axis=0)
    return AlternativeAnnotator(
        candidate=candidate,
        advantage=float(_mean_over_raters(table[None])[0]),
        advantage_interval=percentile_interval(advantages, confidence),
        per_rater=dict(zip(names, per_rater.tolist(), strict=True)),
        candidate_dice=float(pairs[:, 0].mean()),
        rater_dice=float(pairs[:, 1].mean()),
        difference=float(pairs[:, 0].mean() - pairs[:, 1].mean()),
        difference_interval=percentile_interval(differences, confidence),
        images=len(wins),
    )


def _mean_over_raters(tables: Array) -> Array:
    """(b,) mean over raters of each one's mean over images; raters without an image left out."""
    seen = np.isfinite(tables)
    number = seen.sum(axis=1)
    total = np.where(seen, tables, 0.0).sum(axis=1)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    with np.errstate(invalid="ignore"):
        return np.nanmean(mean, axis=1)


def _compare(
    candidate: int, raters: tuple[str, ...], patterns: RatingPatterns
) -> tuple[dict[str, float], tuple[float, float]]:
    alike = dice_matrix(patterns)
    others = [k for k in range(len(raters)) if k != candidate]
    won: dict[str, float] = {}
    candidate_dice, rater_dice = [], []
    for j in others:
        rest = [k for k in others if k != j]
        mine, theirs = float(alike[candidate, rest].mean()), float(alike[j, rest].mean())
        won[raters[j]] = 1.0 if mine > theirs else 0.0 if mine < theirs else 0.5
        candidate_dice.append(mine)
        rater_dice.append(theirs)
    return won, (float(np.mean(candidate_dice)), float(np.mean(rater_dice)))


def dice_matrix(patterns: RatingPatterns, *, both_empty: float = 1.0) -> Array:
    """(raters, raters) Dice of every pair; ``both_empty`` where neither marked anything.

    >>> dice_matrix(rating_patterns([[1, 1, 0], [1, 0, 0]])).round(3).tolist()
    [[1.0, 0.667], [0.667, 1.0]]
    """
    marked: ArrayLike = (patterns.ratings == 1).astype(np.float64)
    common = np.asarray(marked).T @ (patterns.counts[:, None] * np.asarray(marked))
    size = np.diag(common)
    both = size[:, None] + size[None, :]
    return np.where(both > 0, 2.0 * common / np.where(both > 0, both, 1.0), both_empty)
