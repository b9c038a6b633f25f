"""Observations of which nothing, or everything, is marked: their probability, tabulated.

For k = 0 the probability (1 − p(x))ᵐ is a plateau with an edge at x = −log m. Blurred by a normal
density of standard deviation σ it is a smooth function of one variable, η + log m, that depends
little on m. Most cells of an image are such, so the function is tabulated once for each σ and read
by Hermite interpolation, to about 1e-5. k = m is the same seen in a mirror.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Array = NDArray[np.float64]

_NORMAL_REACH, _NORMAL_STEP = 8.4, 0.65
_EDGE_LEFT, _EDGE_DROP, _EDGE_STEP = -17.0, 30.0, 0.7
# From this σ on the edge is the narrower one and carries the nodes.
_WIDE_NORMAL = 1.2
# Tables for every m up to this and for ratios of this beyond, between which 1/m interpolates.
_MOST_OWN, _RATIO = 16.0, 1.25
_TABLE_STEP = 0.25
_LEFT, _LEFT_SDS, _RIGHT, _RIGHT_SDS = 7.0, 7.0, 6.0, 9.0
_LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))


class EdgeTables:
    """Tables for observations of which none or all is marked.

    successes, trials: (observations,); only those with k = 0 or k = m may be looked up.
    """

    def __init__(self, successes: Array, trials: Array) -> None:
        self._sign = np.where(successes > 0, -1.0, 1.0)
        self._log_trials = np.log(trials)
        below, above = _neighbors(trials)
        edge = (successes == 0) | (successes == trials)
        self._known = np.unique(np.concatenate([below[edge], above[edge]]))
        span = 1.0 / below - 1.0 / above
        self._share = np.where(span > 0, (1.0 / below - 1.0 / trials) / np.where(span, span, 1), 0)
        self._below = np.searchsorted(self._known, below)
        self._above = np.searchsorted(self._known, above)
        self._sd = -1.0
        self._first, self._step = 0.0, 1.0
        self._table = np.zeros((4, 0, 0))

    def look_up(self, eta: Array, sd: float, which: NDArray[np.intp]) -> tuple[Array, ...]:
        """log f, f′/f, f″/f of observations ``which`` at logits ``eta`` (observations, nodes)."""
        if sd != self._sd:
            self._tabulate(sd)
        share = self._share[which, None]
        table = (1.0 - share) * self._table[:, self._below[which]]
        table += share * self._table[:, self._above[which]]
        number = table.shape[2]
        sign = self._sign[which, None]
        place = (sign * eta + self._log_trials[which, None] - self._first) / self._step
        cell = np.clip(place, 0.0, number - 1.001).astype(np.intp)
        t = place - cell
        beyond = t > 1.0
        np.clip(t, 0.0, 1.0, out=t)
        index = cell + (np.arange(len(which)) * number)[:, None]
        flat = table.reshape(4, -1)
        value, first, bend, third = (
            (flat[row].take(index), flat[row].take(index + 1)) for row in range(4)
        )
        log_f = _hermite(t, self._step, value, first)
        d = _hermite(t, self._step, first, bend)
        b = _hermite(t, self._step, bend, third)
        if beyond.any():
            # Past the table the tail is that of the normal density: a parabola.
            away = self._step * (place[beyond] - cell[beyond] - 1.0)
            log_f[beyond] += away * (d[beyond] + 0.5 * away * b[beyond])
            d[beyond] += away * b[beyond]
        return log_f, sign * d, b + d**2

    def _tabulate(self, sd: float) -> None:
        self._sd = sd
        scale = float(np.sqrt(1.0 + sd**2))
        self._step = _TABLE_STEP * scale
        self._first = -_LEFT - _LEFT_SDS * sd
        number = int(np.ceil((_RIGHT + _RIGHT_SDS * sd - self._first) / self._step)) + 1
        places = self._first + self._step * np.arange(number)
        m = self._known[:, None]
        eta = places[None, :] - np.log(m)
        if sd > _WIDE_NORMAL:
            value, first, second = _by_edge_nodes(eta, sd, m)
        else:
            value, first, second = by_normal_nodes(eta, sd, np.zeros_like(m), m)
        bend = second - first**2
        third = np.gradient(bend, self._step, axis=1)
        self._table = np.stack([value, first, bend, third])


def by_normal_nodes(eta: Array, sd: float, k: Array, m: Array) -> tuple[Array, ...]:
    """log f, f′/f, f″/f with nodes over the normal density. k, m: (observations, 1)."""
    if sd == 0.0:
        p = 1.0 / (1.0 + np.exp(-eta))
        score = k - m * p
        return log_binomial(eta, k, m), score, score**2 - m * p * (1.0 - p)
    step = min(_NORMAL_STEP, _NORMAL_STEP / sd)
    half = int(np.ceil(_NORMAL_REACH / step))
    z = np.arange(-half, half + 1) * step
    terms = log_binomial(eta[:, :, None] + sd * z, k[:, :, None], m[:, :, None])
    terms -= 0.5 * z**2
    top = terms.max(axis=2, keepdims=True)
    np.exp(terms - top, out=terms)
    total = terms.sum(axis=2)
    value = np.log(total) + top[:, :, 0] + np.log(step) - _LOG_ROOT_2PI
    first = (terms @ z) / (total * sd)
    second = ((terms @ z**2) / total - 1.0) / sd**2
    return value, first, second


def log_binomial(x: Array, k: Array, m: Array) -> Array:
    """log p(x)ᵏ (1 − p(x))ᵐ⁻ᵏ."""
    return k * x - m * (np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def _by_edge_nodes(eta: Array, sd: float, m: Array) -> tuple[Array, ...]:
    # By parts: f is a sum of normal distribution functions, weighted by the slope of the edge,
    # −d/dx (1 − p)ᵐ = m p (1 − p)ᵐ.
    right = float((np.log(np.expm1(_EDGE_DROP / m)) + np.log(m)).max())
    number = int(np.ceil((right - _EDGE_LEFT) / _EDGE_STEP))
    nodes = _EDGE_LEFT + _EDGE_STEP * np.arange(number) - np.log(m)
    softplus = np.logaddexp(0.0, nodes)
    logs = np.log(m) + nodes - softplus - m * softplus
    # The sum is made exact on the whole edge, whose height is 1.
    logs = (logs - np.log(np.exp(logs).sum(axis=1, keepdims=True)))[:, None, :]
    t = (nodes[:, None, :] - eta[:, :, None]) / sd
    terms = log_ndtr(t) + logs
    top = terms.max(axis=2, keepdims=True)
    total = np.exp(terms - top).sum(axis=2)
    density = np.exp(logs - 0.5 * t**2 - (_LOG_ROOT_2PI + top))
    first = -density.sum(axis=2) / (sd * total)
    second = -(density * t).sum(axis=2) / (sd**2 * total)
    return np.log(total) + top[:, :, 0], first, second


def _neighbors(trials: Array) -> tuple[Array, Array]:
    """The tabulated numbers of trials at or below and above each."""
    steps = np.log(np.maximum(trials, _MOST_OWN) / _MOST_OWN) / np.log(_RATIO)
    below = _MOST_OWN * _RATIO ** np.floor(steps + 1e-9)
    own = trials <= _MOST_OWN
    return np.where(own, trials, below), np.where(own, trials, below * _RATIO)


def _hermite(
    t: Array, step: float, ends: tuple[Array, Array], slopes: tuple[Array, Array]
) -> Array:
    rise = ends[1] - ends[0]
    start, end = step * slopes[0] - rise, rise - step * slopes[1]
    return ends[0] + t * (rise + (1.0 - t) * (start * (1.0 - t) + end * t))
