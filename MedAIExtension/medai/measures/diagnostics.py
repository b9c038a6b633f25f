"""Diagnostic accuracy: ROC and its area, rates with intervals, confusion matrix, calibration.

Labels are 1 for disease and 0 for none; scores and probabilities are always of disease, higher
meaning more likely. Intervals are two-sided, 95 % unless ``level`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from medai.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, and the number of cases it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Points of the curve from (0, 0) to (1, 1); a case is positive when score >= threshold.

    false_positive_rate, true_positive_rate, thresholds: (points,); the first threshold is inf.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def best_threshold(self) -> float:
        """The threshold with the largest Youden index (sensitivity + specificity − 1).

        Of equally good ones the highest. ``inf`` when no threshold beats calling all negative.
        """
        youden = self.true_positive_rate - self.false_positive_rate
        return float(self.thresholds[int(np.argmax(youden))])


@dataclass(frozen=True)
class Rates:
    """Counts and rates at one threshold; a rate with no case to rest on has value nan, n 0."""

    threshold: float
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    precision: Estimate
    negative_predictive_value: Estimate
    f1: float


@dataclass(frozen=True)
class AucComparison:
    """Areas under the ROC curves of two scores of the same cases, and how they differ.

    difference: first minus second, with its interval. p: two-sided, of no difference; nan where
    the difference has no variance.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """Reliability of probabilities in equal-width bins.

    edges: (bins + 1,). count, mean_probability, observed: (bins,), nan where a bin is empty.
    ece: expected calibration error, the count-weighted mean of |observed − mean probability|.
    brier: mean squared error of the probability.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    mean_probability: NDArray[np.float64]
    observed: NDArray[np.float64]
    ece: float
    brier: float


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> RocCurve:
    """The empirical ROC curve of ``labels`` (n,) 0/1 and ``scores`` (n,); ties make one point.

    Raises InputError unless both classes are there and all scores are finite.
    """
    truth, values = _checked(labels, scores)
    order = np.argsort(-values, kind="stable")
    truth, values = truth[order], values[order]
    last_of_tie = np.append(np.diff(values) != 0, True)
    hits = np.cumsum(truth)[last_of_tie]
    alarms = np.cumsum(~truth)[last_of_tie]
    return RocCurve(
        np.append(0.0, alarms / alarms[-1]),
        np.append(0.0, hits / hits[-1]),
        np.append(np.inf, values[last_of_tie]),
    )


def auc(labels: ArrayLike, scores: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Area under the ROC curve with the interval of DeLong et al. (Biometrics 1988, 44:837).

    The area is the probability that a diseased case scores higher than a healthy one, ties one
    half; the variance comes from the placement values of each case (computed from midranks). The
    interval is clipped to 0..1; where one class has a single case it is 0..1. At an area of 0 or 1
    that variance is 0, and the exact binomial interval (Clopper and Pearson 1934) of the smaller
    class takes its place. Raises InputError
    unless both classes are there and all scores are finite.
    """
    truth, values = _checked(labels, scores)
    diseased, healthy = values[truth], values[~truth]
    m, n = len(diseased), len(healthy)
    of_diseased, of_healthy = _placements(diseased, healthy)
    area = float(of_diseased.mean())
    if m < 2 or n < 2:
        return Estimate(area, 0.0, 1.0, m + n)
    if area in (0.0, 1.0):
        reach = ((1.0 - level) / 2.0) ** (1.0 / min(m, n))
        low, high = (reach, 1.0) if area == 1.0 else (0.0, 1.0 - reach)
        return Estimate(area, low, high, m + n)
    variance = of_diseased.var(ddof=1) / m + of_healthy.var(ddof=1) / n
    half = float(norm.ppf(0.5 + level / 2) * np.sqrt(variance))
    return Estimate(area, max(0.0, area - half), min(1.0, area + half), m + n)


def compare_auc(
    labels: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> AucComparison:
    """Two scores of the same cases (n,) compared by their ROC areas: the paired test of DeLong.

    DeLong et al., Biometrics 1988, 44:837. Raises InputError unless both classes have two cases or
    more and all scores are finite.
    """
    placed = []
    for scores in (first, second):
        truth, values = _checked(labels, scores)
        placed.append(_placements(values[truth], values[~truth]))
    m, n = (len(part) for part in placed[0])
    if min(m, n) < 2:
        raise InputError(f"{m} diseased and {n} healthy cases, expected two or more of each.")
    of_first, of_second = (auc(labels, scores, level=level) for scores in (first, second))
    of_diseased, of_healthy = (placed[0][k] - placed[1][k] for k in (0, 1))
    value = of_first.value - of_second.value
    error = float(np.sqrt(of_diseased.var(ddof=1) / m + of_healthy.var(ddof=1) / n))
    half = float(norm.ppf(0.5 + level / 2)) * error
    difference = Estimate(value, value - half, value + half, m + n)
    p = float(2 * norm.sf(abs(value) / error)) if error > 0 else float("nan")
    return AucComparison(of_first, of_second, difference, p)


def _placements(
    diseased: NDArray[np.float64], healthy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each case the share of the other class that it is on the right side of, ties one half."""
    m, n = len(diseased), len(healthy)
    ranks = rankdata(np.concatenate([diseased, healthy]))
    of_diseased = (ranks[:m] - rankdata(diseased)) / n
    of_healthy = 1.0 - (ranks[m:] - rankdata(healthy)) / m
    return of_diseased, of_healthy


def wilson(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """A proportion with Wilson's score interval (J Am Stat Assoc 1927, 22:209).

    With n = 0 the value is nan and the interval 0..1.
    """
    if not 0 <= successes <= n:
        raise InputError(f"{successes} of {n} is not a proportion, expected 0 to n of n.")
    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0, 0)
    z2 = float(norm.ppf(0.5 + level / 2)) ** 2
    p = successes / n
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At 0 and n the interval touches p exactly; rounding must not push it past.
    low = 0.0 if successes == 0 else float(middle - half)
    high = 1.0 if successes == n else float(middle + half)
    return Estimate(p, low, high, n)


def rates(labels: ArrayLike, scores: ArrayLike, threshold: float, *, level: float = 0.95) -> Rates:
    """Counts and rates when score >= threshold is called positive; Wilson intervals.

    labels (n,) 0/1, scores (n,) finite; one class alone is allowed. Raises InputError otherwise.
    """
    truth, values = _checked(labels, scores, both=False)
    called = values >= threshold
    tp, fp = int((called & truth).sum()), int((called & ~truth).sum())
    fn, tn = int((~called & truth).sum()), int((~called & ~truth).sum())
    return Rates(
        threshold=float(threshold),
        true_positive=tp,
        false_positive=fp,
        true_negative=tn,
        false_negative=fn,
        accuracy=wilson(tp + tn, len(truth), level=level),
        sensitivity=wilson(tp, tp + fn, level=level),
        specificity=wilson(tn, tn + fp, level=level),
        precision=wilson(tp, tp + fp, level=level),
        negative_predictive_value=wilson(tn, tn + fn, level=level),
        f1=2 * tp / (2 * tp + fp + fn) if tp + fp + fn else float("nan"),
    )


def confusion_matrix(labels: Sequence[int], predictions: Sequence[int], classes: int) -> NDArray:
    """Counts (classes, classes): row is the true class, column the predicted one."""
    truth, called = np.asarray(labels), np.asarray(predictions)
    if truth.shape != called.shape or truth.ndim != 1:
        raise InputError(f"{truth.shape} labels and {called.shape} predictions, expected pairs.")
    both = np.concatenate([truth, called])
    if len(both) and (both.min() < 0 or both.max() >= classes):
        raise InputError(f"Class {both.max()} of {classes} classes, expected 0 to {classes - 1}.")
    return np.bincount(truth * classes + called, minlength=classes**2).reshape(classes, classes)


def calibration(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> Calibration:
    """How well probabilities (n,) of disease match the share of diseased cases, by bin.

    Raises InputError on probabilities outside 0..1 or no cases.
    """
    truth, p = _checked(labels, probabilities, both=False)
    if p.min() < 0 or p.max() > 1:
        raise InputError(f"Probabilities from {p.min():g} to {p.max():g}, expected 0 to 1.")
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.minimum((p * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, p, bins) / count
        observed = np.bincount(place, truth, bins) / count
    full = count > 0
    ece = float((count[full] * np.abs(observed[full] - mean[full])).sum() / len(p))
    return Calibration(edges, count, mean, observed, ece, float(((p - truth) ** 2).mean()))


def _checked(
    labels: ArrayLike, scores: ArrayLike, *, both: bool = True
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, values = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or len(truth) == 0:
        raise InputError(
            f"Labels of shape {truth.shape} and scores of shape {values.shape}, "
            "expected one of each for every case."
        )
    if not np.isin(truth, (0, 1)).all():
        raise InputError("Labels other than 0 and 1, expected 1 for disease and 0 for none.")
    if not np.isfinite(values).all():
        raise InputError("Scores that are not finite numbers, expected one for every case.")
    positive = truth.astype(bool)
    if both and (positive.all() or not positive.any()):
        raise InputError(
            f"All {len(truth)} cases are {'diseased' if positive.any() else 'healthy'}, "
            "expected some of both."
        )
    return positive, values
