"""Observations of which nothing, or everything, is marked: their probability, tabulated.

For k = 0 the probability (1 − p(x))ᵐ is a plateau with an edge at x = −log m. Blurred by a normal
density of standard deviation σ it is a smooth function of one variable, η + log m, that depends
little on m. Most cells of an image are such, so the function is tabulated once for each σ and read
by quintic Hermite interpolation, to about 1e-7 where all cells have few different sizes, else to
about 1e-6. k = m is the same seen in a mirror.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr

Array = NDArray[np.float64]

_NORMAL_REACH, _NORMAL_STEP, _TOP_STEPS = 7.0, 0.5, 40
_EDGE_LEFT, _EDGE_DROP, _EDGE_STEP = -17.0, 30.0, 0.7
# From this σ on the edge is the narrower one and carries the nodes.
_WIDE_NORMAL = 1.2
# Tables for every m where there are few; else for every m up to this and for ratios of this beyond,
# between which 1/m interpolates.
_FEW, _MOST_OWN, _RATIO = 12, 32.0, 1.2
_TABLE_STEP = 0.3
_LEFT, _LEFT_SDS, _RIGHT, _RIGHT_SDS = 7.0, 7.0, 6.0, 9.0
_LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))
# The quintic that has value, slope and bend at both ends of a unit interval, by powers.
_QUINTIC = np.array(
    [
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0, 0.0],
        [-10.0, -6.0, -1.5, 10.0, -4.0, 0.5],
        [15.0, 8.0, 1.5, -15.0, 7.0, -1.0],
        [-6.0, -3.0, -0.5, 6.0, -3.0, 0.5],
    ]
)


class EdgeTables:
    """Tables for observations of which none or all is marked.

    successes, trials: (observations,); only those with k = 0 or k = m may be looked up.
    """

    def __init__(self, successes: Array, trials: Array) -> None:
        self._sign = np.where(successes > 0, -1.0, 1.0)
        self._log_trials = np.log(trials)
        edge = (successes == 0) | (successes == trials)
        sizes, place = np.unique(trials[edge], return_inverse=True)
        self._row = np.zeros(len(trials), dtype=np.intp)
        self._row[edge] = place
        below, above = (sizes, sizes) if len(sizes) <= _FEW else _neighbors(sizes)
        self._known = np.unique(np.concatenate([below, above]))
        span = 1.0 / below - 1.0 / above
        self._share = np.where(span > 0, (1.0 / below - 1.0 / sizes) / np.where(span, span, 1), 0)
        self._below = np.searchsorted(self._known, below)
        self._above = np.searchsorted(self._known, above)
        self._sd = -1.0
        self._first, self._step, self._number = 0.0, 1.0, 0
        self._powers = np.zeros((6, 0))

    def look_up(self, eta: Array, sd: float, which: NDArray[np.intp]) -> tuple[Array, ...]:
        """log f and its first four derivatives of observations ``which`` at logits ``eta``
        (observations, nodes)."""
        if sd != self._sd:
            self._tabulate(sd)
        sign = self._sign[which, None]
        place = sign * eta
        place += self._log_trials[which, None] - self._first
        place /= self._step
        before = place < 0.0
        tail = np.exp(self._step * place[before])
        np.maximum(place, 0.0, out=place)
        last = self._number - 2
        cell = np.minimum(place, last).astype(np.intp)
        t = place - cell
        beyond = t > 1.0
        past = bool(beyond.any())
        if past:
            away = self._step * (t[beyond] - 1.0)
            t[beyond] = 1.0
        cell += (self._row[which] * (self._number - 1))[:, None]
        a0, a1, a2, a3, a4, a5 = (power.take(cell) for power in self._powers)
        value = a0 + t * (a1 + t * (a2 + t * (a3 + t * (a4 + t * a5))))
        first = a1 + t * (2 * a2 + t * (3 * a3 + t * (4 * a4 + 5 * t * a5)))
        second = 2 * a2 + t * (6 * a3 + t * (12 * a4 + 20 * t * a5))
        third = 6 * a3 + t * (24 * a4 + 60 * t * a5)
        fourth = 24 * a4 + 120 * t * a5
        step = self._step
        first /= step
        second /= step**2
        third /= step**3
        fourth /= step**4
        if tail.size:
            # Before the table log f vanishes as −exp(η), and its derivatives with it.
            for part in (value, first, second, third, fourth):
                part[before] *= tail
        if past:
            # Past the table the tail is that of the normal density: a parabola.
            value[beyond] += away * (first[beyond] + 0.5 * away * second[beyond])
            first[beyond] += away * second[beyond]
            third[beyond] = fourth[beyond] = 0.0
        first *= sign
        third *= sign
        return value, first, second, third, fourth

    def _tabulate(self, sd: float) -> None:
        self._sd = sd
        self._step = _TABLE_STEP * float(np.sqrt(1.0 + sd**2))
        self._first = -_LEFT - _LEFT_SDS * sd
        number = int(np.ceil((_RIGHT + _RIGHT_SDS * sd - self._first) / self._step)) + 1
        places = self._first + self._step * np.arange(number)
        m = self._known[:, None]
        eta = places[None, :] - np.log(m)
        by_nodes = _by_edge_nodes if sd > _WIDE_NORMAL else _by_normal_nodes
        found = by_nodes(eta, sd, m)
        table = np.stack(found) * self._step ** np.arange(3)[:, None, None]
        share = self._share[:, None]
        table = (1.0 - share) * table[:, self._below] + share * table[:, self._above]
        ends = np.concatenate([table[:, :, :-1], table[:, :, 1:]])
        self._number = number
        self._powers = np.tensordot(_QUINTIC, ends, axes=1).reshape(6, -1)


def log_binomial(x: Array, k: Array | float, m: Array) -> Array:
    """log p(x)ᵏ (1 − p(x))ᵐ⁻ᵏ."""
    return k * x - m * (np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def binomial_derivatives(x: Array, k: Array, m: Array) -> tuple[Array, ...]:
    """log_binomial and its first four derivatives in x."""
    p = expit(x)
    w = p * (1.0 - p)
    return (
        log_binomial(x, k, m),
        k - m * p,
        -m * w,
        -m * w * (1.0 - 2.0 * p),
        -m * w * (1.0 - 6.0 * w),
    )


def _by_normal_nodes(eta: Array, sd: float, m: Array) -> tuple[Array, ...]:
    """Nodes over the normal density, around the top of the integrand."""
    top = np.minimum(-eta / sd, 0.0)
    for _ in range(_TOP_STEPS):
        p = expit(eta + sd * top)
        move = (sd * m * p + top) / (sd**2 * m * p * (1.0 - p) + 1.0)
        top -= move
        if np.abs(move).max() < 0.05:
            break
    half = int(np.ceil(_NORMAL_REACH / _NORMAL_STEP))
    z = top[:, :, None] + np.arange(-half, half + 1) * _NORMAL_STEP
    terms = log_binomial(eta[:, :, None] + sd * z, 0.0, m[:, :, None]) - 0.5 * z**2
    highest = terms.max(axis=2, keepdims=True)
    np.exp(terms - highest, out=terms)
    total = terms.sum(axis=2)
    mean = (terms * z).sum(axis=2) / total
    variance = (terms * (z - mean[:, :, None]) ** 2).sum(axis=2) / total
    value = np.log(total * _NORMAL_STEP) + highest[:, :, 0] - _LOG_ROOT_2PI
    return value, mean / sd, (variance - 1.0) / sd**2


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
    return np.log(total) + top[:, :, 0], first, second - first**2


def _neighbors(trials: Array) -> tuple[Array, Array]:
    """The tabulated numbers of trials at or below and above each."""
    steps = np.log(np.maximum(trials, _MOST_OWN) / _MOST_OWN) / np.log(_RATIO)
    below = _MOST_OWN * _RATIO ** np.floor(steps + 1e-9)
    own = trials <= _MOST_OWN
    return np.where(own, trials, below), np.where(own, trials, below * _RATIO)
