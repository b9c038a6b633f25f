"""A binomial observation whose logit is normal: its probability, integrated exactly.

    f(η) = ∫ p(x)ᵏ (1 − p(x))ᵐ⁻ᵏ N(x; η, σ²) dx,   p(x) = 1 / (1 + e⁻ˣ)

Seen as a function of x, the binomial part is a bump for 0 < k < m (a logit-beta density) and a
plateau with an edge for k = 0 or k = m. Three rules cover all σ:

- a bump that is narrower than σ carries nodes of its own, and f is a sum of normal densities;
- where σ is the narrower one, nodes run over the normal density;
- an edge is looked up in tables (``edge_tables``).

All are trapezoidal rules on functions analytic in a strip, so that they converge geometrically
(Trefethen and Weideman 2014, SIAM Rev. 56(3)): with the steps below to about 1e-7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from medai.agreement.edge_tables import EdgeTables, by_normal_nodes, log_binomial

Array = NDArray[np.float64]

# A bump is nearly normal where k and m − k are at least this; otherwise it has a long tail. Either
# is cut where its logarithm is so far below its top, and carries so many nodes.
_LEAST_NORMAL = 16
_NORMAL_DROP, _NORMAL_NODES = 32.0, 24
_TAILED_DROP, _TAILED_NODES = 25.0, 42
# Its own nodes serve up to these ratios of its width to σ; a narrow one needs few.
_WIDEST_NORMAL, _WIDEST_TAILED = 1.0, 0.8
_NARROW_BUMP, _NARROW_NODES = 0.35, 7
_BISECTIONS = 40
_LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class ObservationDensities:
    """log f of observations at logits η, and its derivatives relative to f.

    value: log f. first: f′/f. second: f″/f. Each (observations, nodes).
    """

    value: Array
    first: Array
    second: Array


class Observations:
    """Binomial observations, prepared once for any σ and η.

    successes, trials: (observations,), 0 ≤ k ≤ m, m > 0.
    """

    def __init__(self, successes: Array, trials: Array) -> None:
        self.successes = np.asarray(successes, dtype=np.float64)
        self.trials = np.asarray(trials, dtype=np.float64)
        k, m = self.successes, self.trials
        self._inner = (k > 0) & (k < m)
        inside = np.where(self._inner, k, 0.5 * m)
        self._top = np.log(inside) - np.log(m - inside)
        self._width = np.sqrt(m / (inside * (m - inside)))
        self._peak = log_binomial(self._top, inside, m)
        self._normal = self._inner & (np.minimum(k, m - k) >= _LEAST_NORMAL)
        self._bump_nodes, self._bump_logs = self._bumps(_NORMAL_DROP, _NORMAL_NODES)
        self._tailed_nodes, self._tailed_logs = self._bumps(_TAILED_DROP, _TAILED_NODES)
        self._narrow_nodes, self._narrow_logs = self._narrow_bumps()
        self._edges = EdgeTables(k, m)

    def log_density(
        self, eta: Array, sd: float, which: NDArray[np.intp] | None = None
    ) -> ObservationDensities:
        """The densities at logits ``eta`` (observations, nodes) with standard deviation ``sd``.

        which: (observations,) indices of those that the rows of ``eta`` belong to; None is all.
        """
        result = ObservationDensities(np.empty_like(eta), np.empty_like(eta), np.empty_like(eta))
        rows_of = np.arange(len(self.trials)) if which is None else which
        ratio = self._width[rows_of] / max(sd, 1e-300)
        inner, normal = self._inner[rows_of], self._normal[rows_of]
        narrow = normal & (ratio < _NARROW_BUMP)
        bump = normal & (ratio < _WIDEST_NORMAL) & ~narrow
        tailed = inner & ~normal & (ratio < _WIDEST_TAILED)
        edge = ~inner & (sd > 0.0)
        rest = ~(narrow | bump | tailed | edge)
        for rows, rule in (
            (narrow, self._by_narrow_nodes),
            (bump, self._by_bump_nodes),
            (tailed, self._by_tailed_nodes),
            (edge, self._edges.look_up),
            (rest, self._by_normal_nodes),
        ):
            where = np.flatnonzero(rows)
            if where.size:
                found = rule(eta[where], sd, rows_of[where])
                result.value[where], result.first[where], result.second[where] = found
        return result

    def _by_narrow_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return _sum_of_normals(eta, sd, self._narrow_nodes[where], self._narrow_logs[where])

    def _by_bump_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return _sum_of_normals(eta, sd, self._bump_nodes[where], self._bump_logs[where])

    def _by_tailed_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return _sum_of_normals(eta, sd, self._tailed_nodes[where], self._tailed_logs[where])

    def _by_normal_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return by_normal_nodes(eta, sd, self.successes[where][:, None], self.trials[where][:, None])

    def _bumps(self, drop: float, number: int) -> tuple[Array, Array]:
        k = np.where(self._inner, self.successes, 0.5 * self.trials)
        ends = []
        for direction in (-1.0, 1.0):
            inner = np.zeros_like(k)
            outer = self._width * np.sqrt(2.0 * drop)
            while True:
                short = self._fall(direction * outer, k) < drop
                if not short.any():
                    break
                outer = np.where(short, 2.0 * outer, outer)
            for _ in range(_BISECTIONS):
                middle = 0.5 * (inner + outer)
                short = self._fall(direction * middle, k) < drop
                inner, outer = np.where(short, middle, inner), np.where(short, outer, middle)
            ends.append(self._top + direction * outer)
        low, high = ends
        step = (high - low) / (number - 1)
        nodes = low[:, None] + step[:, None] * np.arange(number)
        return nodes, log_binomial(nodes, k[:, None], self.trials[:, None]) + np.log(step)[:, None]

    def _fall(self, away: Array, k: Array) -> Array:
        return self._peak - log_binomial(self._top + away, k, self.trials)

    def _narrow_bumps(self) -> tuple[Array, Array]:
        t, weight = hermegauss(_NARROW_NODES)
        nodes = self._top[:, None] + self._width[:, None] * t
        k = np.where(self._inner, self.successes, 0.5 * self.trials)
        logs = log_binomial(nodes, k[:, None], self.trials[:, None]) + 0.5 * t**2
        return nodes, logs + np.log(weight) + np.log(self._width)[:, None]


def _sum_of_normals(eta: Array, sd: float, nodes: Array, logs: Array) -> tuple[Array, ...]:
    away = nodes[:, None, :] - eta[:, :, None]
    terms = away * away
    terms *= -0.5 / sd**2
    terms += logs[:, None, :]
    top = terms.max(axis=2, keepdims=True)
    terms -= top
    np.exp(terms, out=terms)
    total = terms.sum(axis=2)
    value = np.log(total) + top[:, :, 0] - (np.log(sd) + _LOG_ROOT_2PI)
    terms *= away
    first = terms.sum(axis=2) / (total * sd**2)
    terms *= away
    second = terms.sum(axis=2) / (total * sd**4) - 1.0 / sd**2
    return value, first, second
