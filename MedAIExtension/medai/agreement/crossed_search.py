"""The highest likelihood of a crossed model, raters' effects integrated by Laplace.

    F(β, V, a) = max over b of [ L(b, a) − |b − β|² / 2V ] − ½ log det (I + V C)

L is the log-likelihood given the raters' shifts b_j = β + r_j, with units (and observations)
integrated exactly; a is the spread between them, C the minus second derivatives of L in b. Raters
are few and each is informed by the whole image, so Laplace is right for them. L has its own first
and second derivatives, so b and a climb by Newton's method, one evaluation a step; β and V are
found for each parabola exactly (``rater_variance``). How log det moves is found by differences
near the top. Many data sets climb together, none depending on the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from medai.agreement.rater_variance import Parabola, RaterPrior, best_prior, pooling

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_LONGEST_SHIFT, _LONGEST_SPREAD = 1.5, 0.8
_MOST_STEPS, _MOST_SHORTENINGS = 100, 8
_ROUGH_GAIN, _GAIN_TOLERANCE = 1e-3, 1e-10
_LEAST_SHARE = 0.1
_ROUNDING = 1e-9
_DIFFERENCE = 2e-4
# Slopes are renewed where the spread went further than this since they were found.
_NEAR, _MOST_SLOPES = 2e-3, 3
_LEAST_VARIANCE = 1e-6
_LEAST_CURVATURE = 1e-9


@dataclass(frozen=True, eq=False)
class CrossedPoint:
    """value (b,), gradient (b, raters + k) in shifts and spread, information (b, raters + k,
    raters + k): minus the second derivatives."""

    value: Array
    gradient: Array
    information: Array


class CrossedLikelihood(Protocol):
    """L of many data sets."""

    def at(self, shifts: Array, spread: Array, index: Indices) -> CrossedPoint:
        """L of the data sets ``index`` (b,) at shifts (b, raters) and spread (b, k)."""


@dataclass(frozen=True, eq=False)
class CrossedFit:
    """mean β, variance V of the raters and value F, each (sets,); shifts (sets, raters); spread
    (sets, k); the point of L there; converged (sets,)."""

    mean: Array
    variance: Array
    value: Array
    shifts: Array
    spread: Array
    point: CrossedPoint
    converged: NDArray[np.bool_]


def search(
    likelihood: CrossedLikelihood,
    shifts: Array,
    spread: Array,
    bounds: tuple[Array, Array],
) -> CrossedFit:
    """Climb from shifts (sets, raters) and spread (sets, k).

    bounds: (k,) least and most of the spread; a spread of −inf stays.
    """
    climb = _Climb(likelihood, shifts.copy(), spread.copy(), bounds)
    everyone = np.arange(len(shifts))
    climb.run(everyone, _ROUGH_GAIN)
    active = everyone
    # Where the top is flat it moves with the slopes, and they with it.
    for _ in range(_MOST_SLOPES):
        found = climb.spread[active]
        climb.find_slopes(active)
        climb.run(active, _GAIN_TOLERANCE)
        free = np.isfinite(found)
        moved = np.where(free, climb.spread[active], 0.0) - np.where(free, found, 0.0)
        active = active[np.abs(moved).max(axis=1) > _NEAR]
        if not active.size:
            break
    return climb.fit()


class _Climb:
    def __init__(
        self,
        likelihood: CrossedLikelihood,
        shifts: Array,
        spread: Array,
        bounds: tuple[Array, Array],
    ) -> None:
        self.likelihood, self.shifts, self.spread = likelihood, shifts, spread
        self.lower, self.upper = bounds
        self.mean, self.variance = shifts.mean(axis=1), np.zeros(len(shifts))
        self.slopes = np.zeros((len(shifts), 2 + spread.shape[1]))
        self.converged = np.zeros(len(shifts), dtype=bool)
        point = likelihood.at(shifts, spread, np.arange(len(shifts)))
        self.value, self.gradient = point.value, point.gradient
        self.information = point.information

    def run(self, active: Indices, tolerance: float) -> None:
        """Newton steps until the gain in sight is below ``tolerance``."""
        self.converged[active] = False
        n = self.shifts.shape[1]
        for _ in range(_MOST_STEPS):
            curvature = _positive(self.information[active])
            prior = self._prior(active, curvature)
            self.mean[active], self.variance[active] = prior.mean, prior.variance
            step = self._step(active, prior)
            gain = np.matmul(step[:, None, :], np.matmul(curvature, step[:, :, None]))[:, 0, 0]
            inner = step[:, :n] - step[:, :n].mean(axis=1, keepdims=True)
            gain += (inner**2).sum(axis=1) / np.maximum(prior.variance, _LEAST_VARIANCE)
            done = gain < tolerance
            self.converged[active[done]] = True
            going = ~done
            active, step, gain = active[going], step[going], gain[going]
            if not active.size:
                return
            active = active[self._move(active, step, gain, curvature[going])]
            if not active.size:
                return

    def _prior(self, active: Indices, curvature: Array) -> RaterPrior:
        n = self.shifts.shape[1]
        spread, slope = self.spread[active], self.gradient[active][:, n:]
        slope = slope + self.slopes[active][:, 2:]
        held = np.isneginf(spread) | ((spread <= self.lower) & (slope <= 0))
        held |= (spread >= self.upper) & (slope >= 0)
        return best_prior(
            Parabola(
                self.shifts[active],
                self.gradient[active],
                curvature,
                held,
                self.slopes[active],
            )
        )

    def _step(self, active: Indices, prior: RaterPrior) -> Array:
        n = self.shifts.shape[1]
        step = np.concatenate([prior.shifts - self.shifts[active], prior.spread_step], axis=1)
        # The wider units are spread, the less a shift of so much means.
        scale = np.sqrt(1.0 + np.exp(2.0 * self.spread[active, :1]) / 3.0)
        longest = np.where(np.arange(step.shape[1]) < n, _LONGEST_SHIFT * scale, _LONGEST_SPREAD)
        step /= np.maximum((np.abs(step) / longest).max(axis=1, keepdims=True), 1.0)
        spread = self.spread[active]
        inside = np.clip(spread + step[:, n:], self.lower, self.upper)
        with np.errstate(invalid="ignore"):
            step[:, n:] = np.where(np.isneginf(spread), 0.0, inside - spread)
        return step

    def _move(self, active: Indices, step: Array, gain: Array, curvature: Array) -> NDArray:
        """Take the steps, shortened where L falls behind its parabola; true where one was taken."""
        n = self.shifts.shape[1]
        length = np.ones(len(active))
        open_ = np.arange(len(active))
        slope = (self.gradient[active] * step).sum(axis=1)
        bend = np.matmul(step[:, None, :], np.matmul(curvature, step[:, :, None]))[:, 0, 0]
        for _ in range(_MOST_SHORTENINGS):
            at, part = active[open_], length[open_, None] * step[open_]
            shifts, spread = self.shifts[at] + part[:, :n], self.spread[at] + part[:, n:]
            point = self.likelihood.at(shifts, spread, at)
            here = length[open_]
            expected = here * slope[open_] - 0.5 * here**2 * bend[open_]
            short = point.value - self.value[at] - expected
            room = (1.0 - _LEAST_SHARE) * (here - 0.5 * here**2) * gain[open_]
            good = short >= -room - _ROUNDING * (1.0 + np.abs(self.value[at]))
            good &= np.isfinite(point.gradient).all(axis=1)
            done = at[good]
            self.shifts[done], self.spread[done] = shifts[good], spread[good]
            self.value[done], self.gradient[done] = point.value[good], point.gradient[good]
            self.information[done] = point.information[good]
            open_ = open_[~good]
            if not open_.size:
                break
            length[open_] *= 0.35
        taken = np.ones(len(active), dtype=bool)
        taken[open_] = False
        return taken

    def find_slopes(self, active: Indices) -> None:
        """How −½ log det moves with the mean shift, and with the spread, the mode following."""
        n, k = self.shifts.shape[1], self.spread.shape[1]
        shifts, spread, variance = self.shifts[active], self.spread[active], self.variance[active]
        before = _half_log_det(self.information[active][:, :n, :n], variance)

        def slope(move: NDArray, place: int | None) -> Array:
            moved = spread.copy()
            if place is not None:
                moved[:, place] += _DIFFERENCE
            point = self.likelihood.at(shifts + _DIFFERENCE * move, moved, active)
            after = _half_log_det(point.information[:, :n, :n], variance)
            return (before - after) / _DIFFERENCE

        self.slopes[active] = 0.0
        information = self.information[active][:, :n, :n]
        system = np.eye(n) + variance[:, None, None] * information
        # How the mode follows β.
        along = np.linalg.solve(system, np.ones((len(active), n, 1)))[:, :, 0]
        along /= along.mean(axis=1, keepdims=True)
        common = slope(along, None)
        self.slopes[active, 0] = common
        # Shifts go apart with V; the way is made long enough for a difference.
        apart = shifts - self.mean[active, None]
        apart = np.linalg.solve(system, apart[:, :, None])[:, :, 0]
        length = np.maximum(np.abs(apart).max(axis=1), 1e-300)
        unit = apart / length[:, None]
        found = (slope(unit, None) - common * unit.mean(axis=1)) * length
        share = pooling(variance, np.trace(information, axis1=1, axis2=2) / n)
        # d pooling / d log V
        rate = np.maximum(share * (1.0 - share), 1e-300)
        self.slopes[active, 1] = np.where(variance > 0, found / rate, 0.0)
        for place in range(k):
            free = np.isfinite(spread[:, place])
            if not free.any():
                continue
            across = self.information[active][:, :n, n + place]
            follow = -np.linalg.solve(system, (variance[:, None] * across)[:, :, None])[:, :, 0]
            found = slope(follow, place) - common * follow.mean(axis=1)
            self.slopes[active, 2 + place] = np.where(free, found, 0.0)

    def fit(self) -> CrossedFit:
        n = self.shifts.shape[1]
        away = self.shifts - self.mean[:, None]
        penalty = 0.5 * (away**2).sum(axis=1) / np.maximum(self.variance, 1e-300)
        value = self.value - np.where(self.variance > 0, penalty, 0.0)
        value -= _half_log_det(self.information[:, :n, :n], self.variance)
        return CrossedFit(
            self.mean,
            self.variance,
            value,
            self.shifts,
            self.spread,
            CrossedPoint(self.value, self.gradient, self.information),
            self.converged,
        )


def _half_log_det(information: Array, variance: Array) -> Array:
    system = np.eye(information.shape[1]) + variance[:, None, None] * information
    return 0.5 * np.linalg.slogdet(system)[1]


def _positive(matrices: Array) -> Array:
    """The matrices, made positive where they are not: with their sign off, steps lead uphill."""
    diagonal = np.maximum(np.abs(np.diagonal(matrices, axis1=1, axis2=2)), _LEAST_CURVATURE)
    floor = _LEAST_CURVATURE * diagonal.max(axis=1)
    index = np.arange(matrices.shape[1])
    raised = matrices.copy()
    raised[:, index, index] += floor[:, None]
    try:
        np.linalg.cholesky(raised)
        return raised
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrices)
        values = np.maximum(np.abs(values), floor[:, None])
        turned = np.matmul(vectors * values[:, None, :], vectors.transpose(0, 2, 1))
        bad = np.asarray(np.linalg.eigvalsh(raised).min(axis=1) <= 0)
        return np.where(bad[:, None, None], turned, raised)
