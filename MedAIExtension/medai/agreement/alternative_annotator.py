"""Is a model, or a new rater, as close to the raters as they are to each other?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from medai.agreement.interval import Interval, percentile_interval
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.ratings import ImageRatings
from medai.errors import RatingError

Array = NDArray[np.float64]


LEAST_RATERS = 3
LEAST_IMAGES = 15
# Below this many images Wilcoxon's signed-rank test takes the place of the paired t test.
T_TEST_IMAGES = 30
PASSES_FROM = 0.5
_FALSE_DISCOVERY_RATE = 0.05


@dataclass(frozen=True)
class RaterTest:
    """The candidate in one rater's place.

    advantage: share of images on which the candidate is at least as close to the other raters as
    this rater is; rater_advantage: the same of the rater; ties count for both. p: of the rater
    being better by ``epsilon`` or more; nan where there is no test. rejected: whether that is ruled
    out at a false discovery rate of 5 % (Benjamini–Yekutieli over the raters).
    """

    rater: str
    images: int
    advantage: float
    rater_advantage: float
    p: float
    rejected: bool


@dataclass(frozen=True)
class AlternativeAnnotator:
    """The candidate beside the raters.

    advantage: ρ, mean over raters of ``RaterTest.advantage``, with its bootstrap interval.
    winning_rate: ω, the share of raters whose test is rejected; nan without a verdict.
    tests: one a rater. epsilon: how much worse the candidate may be, for sparing a rater's work.
    candidate_dice, rater_dice: mean Dice with the other raters, of the candidate and of a rater.
    difference: candidate − rater of that mean, with its interval.
    images: that the answer rests on.
    """

    candidate: str
    advantage: float
    advantage_interval: Interval
    winning_rate: float
    epsilon: float
    tests: tuple[RaterTest, ...]
    candidate_dice: float
    rater_dice: float
    difference: float
    difference_interval: Interval
    images: int

    @property
    def per_rater(self) -> dict[str, float]:
        """The candidate's advantage in each rater's place, by name."""
        return {test.rater: test.advantage for test in self.tests}

    @property
    def sentence(self) -> str:
        """The answer in one sentence; a test that is not rejected is never called equivalence."""
        low, high = self.advantage_interval.low, self.advantage_interval.high
        if self.images < LEAST_IMAGES:
            return (
                f"Whether {self.candidate} can stand in for a rater is not judged: "
                f"{self.images} image{'s' if self.images > 1 else ''} with it and the raters, "
                f"at least {LEAST_IMAGES} are needed."
            )
        if len(self.tests) < LEAST_RATERS:
            return (
                f"Whether {self.candidate} can stand in for a rater is not judged: "
                f"{len(self.tests)} raters, at least {LEAST_RATERS} are needed."
            )
        won = sum(test.rejected for test in self.tests)
        numbers = (
            f"ω = {self.winning_rate:.2f}: at most {self.epsilon:g} worse than {won} of "
            f"{len(self.tests)} raters; advantage probability ρ = {self.advantage:.2f}, "
            f"{low:.2f}–{high:.2f}, over {self.images} images"
        )
        if self.winning_rate >= PASSES_FROM:
            return (
                f"{self.candidate} can stand in for a rater by the alternative-annotator test "
                f"({numbers})."
            )
        return (
            f"The alternative-annotator test does not show that {self.candidate} can stand in for "
            f"a rater ({numbers})."
        )


def alternative_annotator(
    candidate: str,
    images: Iterable[ImageRatings | tuple[str, tuple[str, ...], RatingPatterns]],
    *,
    epsilon: float = 0.2,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> AlternativeAnnotator:
    """Put the candidate in each rater's place in turn and see who is closer to the rest.

    candidate: the name of one of the raters in ``images``; the model's masks are given like a
        rater's. images: those with the candidate and at least two raters count; patterns with
        names may stand for masks.
    epsilon: the advantage that raters are granted for the candidate costing less; its authors take
        0.2 for experts, 0.15 for skilled and 0.1 for crowd annotators.
    For an image and a rater j, closeness is the mean Dice with the raters other than j (two empty
    masks agree fully). The null hypothesis for rater j is that j is closer on a share of images
    larger by ``epsilon`` or more; paired t test, Wilcoxon's signed-rank test below 30 images,
    Benjamini–Yekutieli over the raters. The candidate passes where at least half are rejected.
    No verdict below 15 images or 3 raters. Images are drawn with replacement for the intervals.
    Raises RatingError when no image has the candidate and two raters, or on an ``epsilon`` outside
    0..1.
    Source: Calderon, Reichart and Dror 2025, "The alternative annotator test for LLM-as-a-judge".

    >>> masks = np.random.default_rng(0).random((5, 4, 40)) < 0.4
    >>> names = ("a", "b", "c", "model")
    >>> images = [ImageRatings(f"{k}", mask, names) for k, mask in enumerate(masks)]
    >>> alternative_annotator("model", images).sentence.split(":")[0]
    'Whether model can stand in for a rater is not judged'
    """
    if not 0.0 <= epsilon <= 1.0:
        raise RatingError(f"An epsilon of {epsilon}: expected 0 to 1.")
    names: list[str] = []
    gains: list[dict[str, float]] = []
    closeness: list[tuple[float, float]] = []
    for image in images:
        if isinstance(image, ImageRatings):
            raters, patterns = image.raters, rating_patterns(image.masks, image.roi)
        else:
            _, raters, patterns = image
        if candidate not in raters or len(raters) < 3:
            continue
        gain, pair = _compare(raters.index(candidate), raters, patterns)
        names += [name for name in gain if name not in names]
        gains.append(gain)
        closeness.append(pair)
    if not gains:
        raise RatingError(
            f"No image has {candidate} and at least two raters: nothing to compare with."
        )
    table = np.array([[gain.get(name, np.nan) for name in names] for gain in gains])
    pairs = np.array(closeness)
    drawn = np.random.default_rng(seed).integers(0, len(gains), (resamples, len(gains)))
    won = np.where(np.isfinite(table), table >= 0.0, np.nan)
    differences = pairs[drawn].mean(axis=1) @ np.array([1.0, -1.0])
    tests = _tests(names, table, epsilon, len(gains))
    judged = len(gains) >= LEAST_IMAGES and len(names) >= LEAST_RATERS
    return AlternativeAnnotator(
        candidate=candidate,
        advantage=float(_mean_over_raters(won[None])[0]),
        advantage_interval=percentile_interval(_mean_over_raters(won[drawn]), confidence),
        winning_rate=float(np.mean([test.rejected for test in tests])) if judged else float("nan"),
        epsilon=epsilon,
        tests=tests,
        candidate_dice=float(pairs[:, 0].mean()),
        rater_dice=float(pairs[:, 1].mean()),
        difference=float(pairs[:, 0].mean() - pairs[:, 1].mean()),
        difference_interval=percentile_interval(differences, confidence),
        images=len(gains),
    )


def _tests(names: list[str], table: Array, epsilon: float, images: int) -> tuple[RaterTest, ...]:
    rows = []
    for name, column in zip(names, table.T, strict=True):
        gain = column[np.isfinite(column)]
        candidate_won, rater_won = gain >= 0.0, gain <= 0.0
        lost = rater_won.astype(float) - candidate_won.astype(float)
        p = _p_value(lost - epsilon) if images >= LEAST_IMAGES else float("nan")
        rows.append((name, gain.size, float(candidate_won.mean()), float(rater_won.mean()), p))
    rejected = _benjamini_yekutieli(np.array([row[-1] for row in rows]))
    return tuple(RaterTest(*row, bool(no)) for row, no in zip(rows, rejected, strict=True))


def _p_value(excess: Array) -> float:
    """One-sided p of the mean (or median) of ``excess`` being 0 or more."""
    n = excess.size
    if n < 2:
        return 1.0
    if np.ptp(excess) == 0.0:
        return float(0.5**n) if excess[0] < 0 else 1.0
    if n < T_TEST_IMAGES:
        from scipy.stats import wilcoxon

        return float(wilcoxon(excess, alternative="less").pvalue)
    return float(stdtr(n - 1, excess.mean() / (excess.std(ddof=1) / np.sqrt(n))))


def _benjamini_yekutieli(p: Array) -> NDArray[np.bool_]:
    """Which hypotheses are rejected at a false discovery rate of 5 % under any dependence."""
    m = p.size
    order = np.argsort(p)
    limits = np.arange(1, m + 1) / (m * (1.0 / np.arange(1, m + 1)).sum()) * _FALSE_DISCOVERY_RATE
    below = np.flatnonzero(p[order] <= limits)
    rejected = np.zeros(m, dtype=bool)
    if below.size:
        rejected[order[: below[-1] + 1]] = True
    return rejected


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
    """How much closer the candidate is than each rater, and the mean closeness of both."""
    alike = dice_matrix(patterns)
    others = [k for k in range(len(raters)) if k != candidate]
    gain: dict[str, float] = {}
    candidate_dice, rater_dice = [], []
    for j in others:
        rest = [k for k in others if k != j]
        mine, theirs = float(alike[candidate, rest].mean()), float(alike[j, rest].mean())
        gain[raters[j]] = mine - theirs
        candidate_dice.append(mine)
        rater_dice.append(theirs)
    return gain, (float(np.mean(candidate_dice)), float(np.mean(rater_dice)))


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
