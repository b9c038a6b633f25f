"""The raters' mean and variance that suit a parabola of the log-likelihood best.

Around a point the log-likelihood of the raters' shifts b and of the spread a (log σ of units …) is
a parabola. With b ~ N(β, V I) and b integrated by Laplace's approximation, β and a at their best
are linear in the parabola's terms, so that V alone is searched, over all its range at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LOG_VARIANCE = (-11.5, 9.2)
_COARSE, _FINE, _ZOOMS = 40, 9, 7
# A variance is only taken to differ from 0 where the likelihood gains so much.
_LEAST_GAIN = 1e-7
_RIDGE = 1e-10


@dataclass(frozen=True, eq=False)
class RaterPrior:
    """mean β (b,), variance V (b,), and the point of the parabola's top under them: shifts (b,
    raters), spread_step (b, k)."""

    mean: Array
    variance: Array
    shifts: Array
    spread_step: Array


@dataclass(frozen=True, eq=False)
class Parabola:
    """shifts (b, raters): where it touches; gradient (b, raters + k); curvature, its minus second
    derivatives, positive. held (b, k): parts of the spread that stay. slopes (b, 2 + k): of
    −½ log det (I + V C) in the mean shift, in ``pooling``, and in the spread, on top."""

    shifts: Array
    gradient: Array
    curvature: Array
    held: NDArray[np.bool_]
    slopes: Array


def pooling(variance: Array, information: Array) -> Array:
    """How far shifts are from pooled, 0 at V = 0 and 1 at a large V: V c / (1 + V c).

    variance: (b, …); information: (b,) c, the mean of a shift's.
    """
    scaled = variance * information.reshape(-1, *[1] * (variance.ndim - 1))
    return scaled / (1.0 + scaled)


def best_prior(parabola: Parabola) -> RaterPrior:
    """The most likely mean and variance of the raters."""
    form = _QuadraticForm(parabola)
    sets = len(parabola.shifts)
    logs = np.linspace(*_LOG_VARIANCE, _COARSE)
    best, top = form.highest(np.broadcast_to(logs, (sets, _COARSE)))
    reach = logs[1] - logs[0]
    for _ in range(_ZOOMS):
        best, top = form.highest(best[:, None] + np.linspace(-reach, reach, _FINE))
        reach *= 2.0 / (_FINE - 1)
    at_zero = form.value(np.zeros((sets, 1)))[0][:, 0]
    variance = np.where(top > at_zero + _LEAST_GAIN, np.exp(best), 0.0)
    return form.prior(variance)


class _QuadraticForm:
    """Value of the best β and a for each V, in the eigenvectors of the shifts' curvature."""

    def __init__(self, parabola: Parabola) -> None:
        self.shifts = parabola.shifts
        n = self.shifts.shape[1]
        curvature = parabola.curvature
        self._values, self._vectors = np.linalg.eigh(curvature[:, :n, :n])
        self._values = np.maximum(self._values, 0.0)
        self._mean = self.shifts.mean(axis=1)
        away = self._mean[:, None] - self.shifts
        inner = curvature[:, :n, :n]
        pull = parabola.gradient[:, :n] - np.matmul(inner, away[:, :, None])[:, :, 0]
        held = parabola.held
        across = np.where(held[:, None, :], 0.0, curvature[:, :n, n:])
        linear = np.concatenate([inner.sum(axis=2)[:, :, None], across], axis=2)
        turned = self._vectors.transpose(0, 2, 1)
        self._pull = np.matmul(turned, pull[:, :, None])[:, :, 0]
        self._linear = np.matmul(turned, linear)
        self._share = self._vectors.mean(axis=1)
        size = linear.shape[2]
        self._system = np.zeros((len(held), size, size))
        self._system[:, 0, 0] = inner.sum(axis=(1, 2))
        self._system[:, 0, 1:] = self._system[:, 1:, 0] = across.sum(axis=1)
        both = held[:, :, None] | held[:, None, :]
        self._system[:, 1:, 1:] = np.where(both, 0.0, curvature[:, n:, n:])
        index = np.arange(size)
        self._system[:, index[1:], index[1:]] += held
        self._system[:, index, index] += _RIDGE
        outer = (
            parabola.gradient[:, n:]
            - np.matmul(across.transpose(0, 2, 1), away[:, :, None])[:, :, 0]
        )
        slopes = parabola.slopes
        outer = np.where(held, 0.0, outer + slopes[:, 2:])
        self._right = np.concatenate([pull.sum(axis=1)[:, None], outer], axis=1)
        self._right[:, 0] += slopes[:, 0]
        self._slope, self._pooling_slope = slopes[:, 0], slopes[:, 1]
        self._information = np.trace(inner, axis1=1, axis2=2) / n

    def value(self, variance: Array) -> tuple[Array, Array]:
        """(b, points) values at variances (b, points), and (b, points, 1 + k) β − mean and step."""
        values, linear, pull = self._values, self._linear, self._pull
        sets, size = len(values), linear.shape[2]
        weight = variance[:, :, None] / (1.0 + variance[:, :, None] * values[:, None, :])
        squares = (linear[:, :, :, None] * linear[:, :, None, :]).reshape(sets, -1, size * size)
        system = self._system[:, None] - np.matmul(weight, squares).reshape(sets, -1, size, size)
        pulled = pull + self._slope[:, None] * self._share
        right = self._right[:, None] - np.matmul(weight, linear * pulled[:, :, None])
        found = np.linalg.solve(system, right[..., None])[..., 0]
        total = 0.5 * (right * found).sum(axis=2)
        constant = 0.5 * pull**2 + self._slope[:, None] * self._share * pull
        total += np.matmul(weight, constant[:, :, None])[:, :, 0]
        total -= 0.5 * np.log1p(variance[:, :, None] * values[:, None, :]).sum(axis=2)
        total += self._pooling_slope[:, None] * pooling(variance, self._information)
        return total, found

    def highest(self, logs: Array) -> tuple[Array, Array]:
        """Of each set the log variance with the highest value, and that value."""
        found, _ = self.value(np.exp(logs))
        best = found.argmax(axis=1)
        rows = np.arange(len(best))
        return logs[rows, best], found[rows, best]

    def prior(self, variance: Array) -> RaterPrior:
        """The prior with these variances (b,)."""
        _, found = self.value(variance[:, None])
        move = found[:, 0]
        weight = variance[:, None] / (1.0 + variance[:, None] * self._values)
        effect = weight * (self._pull - np.matmul(self._linear, move[:, :, None])[:, :, 0])
        mean = self._mean + move[:, 0]
        shifts = mean[:, None] + np.matmul(self._vectors, effect[:, :, None])[:, :, 0]
        return RaterPrior(mean, variance, shifts, move[:, 1:])
