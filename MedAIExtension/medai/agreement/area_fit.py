"""The highest exact likelihood of the area model, raters' effects integrated by Laplace.

Cell and observation effects are integrated without approximation (``area_likelihood``). Raters'
effects are few and each is informed by every cell, so Laplace's approximation is right for them:
it is lme4's for the same effects, on an integrand that is nearly normal. Parameters and effects
climb together, one evaluation a step, by BFGS from the information at the start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.agreement.area_likelihood import AreaLikelihood, AreaPoint
from medai.agreement.crossed_reml import crossed_reml
from medai.agreement.icc_profile import FitSurroundings, unpenalized

Array = NDArray[np.float64]

_LEAST_LOG, _MOST_LOG = -5.0, 4.6
_LEAST_START, _LEAST_OVER, _MOST_START = 0.5, 0.3, 8.0
# A standard deviation below this is tried at exactly zero.
_NEARLY_ZERO = 0.1
_SHIFT_STEPS = 4
_LONGEST_SHIFT = 2.0
_DIFFERENCE = 1e-3
# How far, in each parameter, a slope found at a point is trusted.
_NEAR = 0.5
_LONGEST_EFFECT, _LONGEST_LOG = 1.5, 0.7
_MOST_STEPS, _MOST_HALVINGS = 60, 12
_GAIN_TOLERANCE = 5e-6
# Of a log-likelihood's size: what rounding leaves of it, on cells of thousands of pixels.
_ROUNDING = 1e-8
_NEAR_STEPS = 5
_RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class AreaFit:
    """Standard deviations on the logit scale, and what an interval needs to know.

    log_likelihood: without binomial coefficients.
    """

    sd_unit: float
    sd_rater: float
    sd_over: float
    intercept: float
    log_likelihood: float
    surroundings: FitSurroundings


def fit_areas(marked: Array, units: Array, counts: Array) -> AreaFit:
    """Fit one image's cells.

    marked: (cells, raters). units: (cells,). counts: (cells,), equal cells a row stands for.
    """
    likelihood = AreaLikelihood(marked, units, counts)
    raters = marked.shape[1]
    sd_unit, sd_rater, sd_over, shift = _start(likelihood, marked, units, counts)
    x = np.concatenate(
        [[shift.mean()], (shift - shift.mean()) / sd_rater, np.log([sd_unit, sd_over, sd_rater])]
    )
    climb = _Climb(likelihood, raters)
    x = climb.run(x)
    climb.find_slope(x)
    refined = climb.run(x, near=True)
    # The slope is taken as constant, so it may point past the top.
    if climb.value(refined) >= climb.value(x):
        x = refined
    # Zero is a point of its own, out of reach of a search over logarithms.
    for place in (raters + 3, raters + 2, raters + 1):
        if x[place] < np.log(_NEARLY_ZERO):
            without = _Climb(likelihood, raters, (*climb.zero, place), climb.slope)
            trial = without.run(x)
            if without.value(trial) >= climb.value(x) - 1e-5:
                climb, x = without, trial
    return climb.result(x)


class _Climb:
    """Climbs in x = (β, s_1 … s_raters, log σ_unit, log σ_over, log σ_rater), b = β + σ_rater s.

    zero: places of x whose σ is held at 0. slope: (3,) of −½ log det (I + σ²_rater C) through C, in
    β, log σ_unit and log σ_over, which the search takes as constant.
    """

    def __init__(
        self,
        likelihood: AreaLikelihood,
        raters: int,
        zero: tuple[int, ...] = (),
        slope: Array | None = None,
    ) -> None:
        self.likelihood, self.raters, self.zero = likelihood, raters, zero
        self.slope = np.zeros(3) if slope is None else slope
        self._origin = np.zeros(3)
        self._held: Array | None = None

    def run(self, x: Array, *, near: bool = False) -> Array:
        """The highest point, from x; ``near`` keeps to where the slope found at x still holds."""
        free = np.ones(len(x), dtype=bool)
        free[list(self.zero)] = False
        if self.raters + 3 in self.zero:
            x = x.copy()
            x[1 : self.raters + 1] = 0.0
            free[1 : self.raters + 1] = False
        point = self._point(x)
        self._held, self._origin = point.information, self._fixed_part(x)
        curvature = self._curvature(x, point)
        n = self.raters
        longest = np.concatenate([np.full(n + 1, _LONGEST_EFFECT), np.full(3, _LONGEST_LOG)])
        lower = np.concatenate([np.full(n + 1, -np.inf), np.full(3, _LEAST_LOG)])
        upper = np.concatenate([np.full(n + 1, np.inf), np.full(3, _MOST_LOG)])
        if near:
            lower, upper = np.maximum(lower, x - _NEAR), np.minimum(upper, x + _NEAR)
        x = np.where(free, np.clip(x, lower, upper), x)
        value, gradient = self._objective(x)
        tolerance = max(_GAIN_TOLERANCE, _ROUNDING * abs(value))
        for _ in range(_NEAR_STEPS if near else _MOST_STEPS):
            held = ~free | ((x <= lower) & (gradient <= 0)) | ((x >= upper) & (gradient >= 0))
            slope = np.where(held, 0.0, gradient)
            system = curvature * ~(held[:, None] | held[None, :]) + np.diag(held.astype(float))
            step = np.linalg.solve(system, slope)
            step /= max(1.0, float((np.abs(step) / longest).max()))
            gain = float(step @ slope)
            if 0.5 * gain < tolerance:
                break
            for _ in range(_MOST_HALVINGS):
                trial = np.where(free, np.clip(x + step, lower, upper), x)
                new_value, new_gradient = self._objective(trial)
                if new_value >= value + 1e-4 * float(gradient @ (trial - x)):
                    break
                step *= 0.35
            else:
                break
            moved, change = trial - x, gradient - new_gradient
            bent = curvature @ moved
            along, across = float(moved @ bent), float(moved @ change)
            if across > 1e-8 * along > 0:
                curvature = curvature + np.outer(change, change) / across
                curvature = curvature - np.outer(bent, bent) / along
            won = new_value - value
            x, value, gradient = trial, new_value, new_gradient
            if won < _ROUNDING * abs(value):
                break
        return x

    def value(self, x: Array) -> float:
        """The log-likelihood at x, taken to be the raters' mode."""
        point = self._point(x)
        effects = x[1 : self.raters + 1]
        return point.value - 0.5 * float(effects @ effects) - 0.5 * self._log_det(x, point)

    def find_slope(self, x: Array) -> None:
        """How log det moves with the parameters, the raters' mode following."""
        sd_rater = self._sd(x, self.raters + 3)
        point = self._point(x)
        system = np.eye(self.raters) + sd_rater**2 * point.information
        for place, column in enumerate((0, self.raters + 1, self.raters + 2)):
            moved = x.copy()
            moved[column] += _DIFFERENCE
            effects = moved[1 : self.raters + 1]
            there = self._point(moved)
            effects += np.linalg.solve(system, sd_rater * there.shift - effects)
            change = self._log_det(moved, self._point(moved)) - self._log_det(x, point)
            self.slope[place] = -0.5 * change / _DIFFERENCE

    def result(self, x: Array) -> AreaFit:
        """The fit at x."""
        n = self.raters
        point = self._point(x)
        sd_unit, sd_over, sd_rater = (self._sd(x, place) for place in (n + 1, n + 2, n + 3))
        return AreaFit(
            sd_unit,
            sd_rater,
            sd_over,
            float(x[0]),
            self.value(x),
            self._surroundings(x, point),
        )

    def _surroundings(self, x: Array, point: AreaPoint) -> FitSurroundings:
        n = self.raters
        scores = (self.likelihood.counts[:, None] * point.scores).T @ point.scores
        # A σ that is 0 stays 0.
        kept = [n, n + 1] if n + 2 not in self.zero else [n]
        shifts = x[0] + self._sd(x, n + 3) * x[1 : n + 1]
        across, information = scores[:n, kept], point.information
        spread = scores[np.ix_(kept, kept)]
        spread = spread - across.T @ np.linalg.solve(information + _RIDGE * np.eye(n), across)
        logs = np.maximum(x[[place + 1 for place in kept]], _LEAST_LOG)
        return FitSurroundings(
            logs, unpenalized(shifts, point.shift, information), information, across, spread
        )

    def _sd(self, x: Array, place: int) -> float:
        if place in self.zero:
            return 0.0
        return float(np.exp(np.clip(x[place], _LEAST_LOG, _MOST_LOG)))

    def _point(self, x: Array) -> AreaPoint:
        n = self.raters
        shift = x[0] + self._sd(x, n + 3) * x[1 : n + 1]
        return self.likelihood.at(shift, self._sd(x, n + 1), self._sd(x, n + 2))

    def _fixed_part(self, x: Array) -> Array:
        return x[[0, self.raters + 1, self.raters + 2]].copy()

    def _log_det(self, x: Array, point: AreaPoint) -> float:
        sd_rater = self._sd(x, self.raters + 3)
        system = np.eye(self.raters) + sd_rater**2 * point.information
        return float(np.linalg.slogdet(system)[1])

    def _objective(self, x: Array) -> tuple[float, Array]:
        n = self.raters
        assert self._held is not None
        point = self._point(x)
        effects, sd_rater = x[1 : n + 1], self._sd(x, n + 3)
        system = np.eye(n) + sd_rater**2 * self._held
        value = point.value - 0.5 * float(effects @ effects)
        value -= 0.5 * float(np.linalg.slogdet(system)[1])
        value += float(self.slope @ (self._fixed_part(x) - self._origin))
        gradient = np.empty(n + 4)
        gradient[0] = point.shift.sum() + self.slope[0]
        gradient[1 : n + 1] = sd_rater * point.shift - effects
        gradient[n + 1] = point.log_unit + self.slope[1]
        gradient[n + 2] = point.log_over + self.slope[2]
        gradient[n + 3] = sd_rater * float(point.shift @ effects)
        gradient[n + 3] -= n - float(np.trace(np.linalg.inv(system)))
        for place in range(n + 1, n + 4):
            if not _LEAST_LOG < x[place] < _MOST_LOG:
                gradient[place] = 0.0
        return value, gradient

    def _curvature(self, x: Array, point: AreaPoint) -> Array:
        n = self.raters
        scores, counts = point.scores, self.likelihood.counts
        full = (counts[:, None] * scores).T @ scores
        full[:n, :n] = point.information
        full[:n, n:] *= 0.999
        full[n:, :n] *= 0.999
        to_full = np.zeros((n + 2, n + 4))
        to_full[:n, 0] = 1.0
        to_full[:n, 1 : n + 1] = self._sd(x, n + 3) * np.eye(n)
        to_full[:n, n + 3] = self._sd(x, n + 3) * x[1 : n + 1]
        to_full[n, n + 1] = to_full[n + 1, n + 2] = 1.0
        system = to_full.T @ full @ to_full
        values, vectors = np.linalg.eigh(system)
        system = (vectors * np.maximum(np.abs(values), 1e-3)) @ vectors.T
        system[np.arange(1, n + 1), np.arange(1, n + 1)] += 1.0
        system[n + 3, n + 3] += 1.0
        return system


def _start(
    likelihood: AreaLikelihood, marked: Array, units: Array, counts: Array
) -> tuple[float, float, float, Array]:
    """σ_unit, σ_rater, σ_over and the raters' shifts: moments of the empirical logits."""
    k, m = marked + 0.5, units[:, None] + 1.0
    logits = np.log(k) - np.log(m - k)
    repeated = np.repeat(logits, counts.astype(int), axis=0)
    found = crossed_reml(repeated[None])
    sd_unit = float(np.clip(np.sqrt(found.row[0]), _LEAST_START, _MOST_START))
    sd_over = float(np.clip(_over_of_mixed_cells(logits, marked, units), _LEAST_OVER, _MOST_START))
    shift = repeated.mean(axis=0)
    for _ in range(_SHIFT_STEPS):
        point = likelihood.at(shift, sd_unit, sd_over)
        system = point.information + 1e-3 * np.eye(len(shift))
        step = np.linalg.solve(system, point.shift - 1e-3 * (shift - shift.mean()))
        shift = shift + np.clip(step, -_LONGEST_SHIFT, _LONGEST_SHIFT)
        if np.abs(step).max() < 0.05:
            break
    return sd_unit, float(np.clip(shift.std(), 0.1, 3.0)), sd_over, shift


def _over_of_mixed_cells(logits: Array, marked: Array, units: Array) -> float:
    """Standard deviation of raters' logits within the cells that some rater marked in part.

    Cells that all raters left empty or filled say nothing of over-dispersion.
    """
    mixed = ((marked > 0) & (marked < units[:, None])).any(axis=1)
    if not mixed.any():
        return 1.0
    return float(np.sqrt(logits[mixed].var(axis=1, ddof=1).mean()))
