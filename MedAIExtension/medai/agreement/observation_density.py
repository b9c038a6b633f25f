"""A binomial observation whose logit is normal: its probability, integrated exactly.

    f(η) = ∫ p(x)ᵏ (1 − p(x))ᵐ⁻ᵏ N(x; η, σ²) dx,   p(x) = 1 / (1 + e⁻ˣ)

Seen as a function of x, the binomial part is a bump for 0 < k < m (a logit-beta density) and a
plateau with an edge for k = 0 or k = m. Three rules cover all σ:

- a bump that is narrower than σ carries nodes of its own, and f is a sum of normal densities;
- where σ is the narrower one, a few nodes stand around the top of the product;
- an edge is looked up in tables (``edge_tables``).

The first and the last are trapezoidal rules on functions analytic in a strip, so that they converge
geometrically (Trefethen and Weideman 2014, SIAM Rev. 56(3)): with the steps below to about 1e-7.
Derivatives in η are cumulants of x under the integrand.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit

from medai.agreement.edge_tables import (
    EdgeTables,
    binomial_derivatives,
    log_binomial,
)

Array = NDArray[np.float64]

# A bump is nearly normal where k and m − k are at least this; otherwise it has a long tail. Either
# is cut where its logarithm is so far below its top, and carries so many nodes.
_LEAST_NORMAL = 16
_NORMAL_DROP, _NORMAL_NODES = 32.0, 24
_TAILED_DROP, _TAILED_NODES = 25.0, 42
# Its own nodes serve up to these ratios of its width to σ; a narrow one needs few.
_WIDEST_NORMAL, _WIDEST_TAILED = 0.5, 0.8
_NARROW_BUMP, _NARROW_NODES = 0.35, 7
_HERMITE_NODES = 13
_TOP_STEPS, _LONGEST_MOVE, _NEAR_TOP = 12, 2.0, 0.01
_BISECTIONS = 40
_LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))
# The largest exponent that is safe to take without looking for the largest of a sum first.
_SAFE_EXPONENT = 300.0


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
    ) -> tuple[Array, ...]:
        """log f at logits ``eta`` (observations, nodes), and its first four derivatives in η.

        sd: σ, 0 for none. which: (observations,) indices of those that the rows of ``eta`` belong
        to; None is all.
        """
        rows_of = np.arange(len(self.trials)) if which is None else which
        if sd == 0.0:
            k, m = self.successes[rows_of][:, None], self.trials[rows_of][:, None]
            return binomial_derivatives(eta, k, m)
        result = tuple(np.empty_like(eta) for _ in range(5))
        ratio = self._width[rows_of] / sd
        inner, normal = self._inner[rows_of], self._normal[rows_of]
        narrow = normal & (ratio < _NARROW_BUMP)
        bump = normal & (ratio < _WIDEST_NORMAL) & ~narrow
        tailed = inner & ~normal & (ratio < _WIDEST_TAILED)
        rest = inner & ~(narrow | bump | tailed)
        for rows, rule in (
            (narrow, self._by_narrow_nodes),
            (bump, self._by_bump_nodes),
            (tailed, self._by_tailed_nodes),
            (~inner, self._edges.look_up),
            (rest, self._by_few_nodes),
        ):
            where = np.flatnonzero(rows)
            if where.size:
                found = rule(eta[where], sd, rows_of[where])
                if where.size == len(eta):
                    return found
                for target, source in zip(result, found, strict=True):
                    target[where] = source
        return result

    def _by_narrow_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return self._sum_of_normals(eta, sd, where, self._narrow_nodes, self._narrow_logs)

    def _by_bump_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return self._sum_of_normals(eta, sd, where, self._bump_nodes, self._bump_logs)

    def _by_tailed_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        return self._sum_of_normals(eta, sd, where, self._tailed_nodes, self._tailed_logs)

    def _by_few_nodes(self, eta: Array, sd: float, where: NDArray) -> tuple[Array, ...]:
        """Gauss-Hermite nodes around the integrand's top, which is nearly a normal density's."""
        k, m = self.successes[where][:, None], self.trials[where][:, None]
        precision = 1.0 / sd**2
        own = 1.0 / self._width[where, None] ** 2
        top = (eta * precision + self._top[where, None] * own) / (precision + own)
        for _ in range(_TOP_STEPS):
            p = expit(top)
            bend = m * p * (1.0 - p) + precision
            move = (k - m * p - (top - eta) * precision) / bend
            top += np.clip(move, -_LONGEST_MOVE, _LONGEST_MOVE)
            if (move**2 * bend).max() < _NEAR_TOP:
                break
        t, weight = hermegauss(_HERMITE_NODES)
        width = 1.0 / np.sqrt(bend)
        x = top[:, :, None] + width[:, :, None] * t
        away = x - eta[:, :, None]
        terms = log_binomial(x, k[:, :, None], m[:, :, None]) - 0.5 * precision * away**2
        terms += np.log(weight) + 0.5 * t**2
        highest = terms.max(axis=2, keepdims=True)
        terms -= highest
        np.exp(terms, out=terms)
        powers = t[:, None] ** np.arange(5)
        total, *raw = (terms @ powers).transpose(2, 0, 1)
        value = np.log(total * width) + highest[:, :, 0] - (np.log(sd) + _LOG_ROOT_2PI)
        return value, *_slopes(raw, total, top - eta, width, precision)

    def _sum_of_normals(
        self, eta: Array, sd: float, where: NDArray, nodes: Array, logs: Array
    ) -> tuple[Array, ...]:
        """Nodes are taken from the bump's top, so that exponents stay small."""
        away = eta - self._top[where, None]
        t = nodes[where] - self._top[where, None]
        pull = away / sd**2
        terms = t[:, :, None] * pull[:, None, :]
        terms += (logs[where] - 0.5 * (t / sd) ** 2)[:, :, None]
        constant = -0.5 * (away / sd) ** 2 - (np.log(sd) + _LOG_ROOT_2PI)
        if np.abs(t).max() * np.abs(pull).max() > _SAFE_EXPONENT:
            top = terms.max(axis=1)
            terms -= top[:, None, :]
            constant += top
        else:
            # At its top the binomial part is tiny: its logarithm is taken out.
            constant += self._peak[where, None]
            terms -= self._peak[where, None, None]
        np.exp(terms, out=terms)
        powers = t[:, None, :] ** np.arange(5)[:, None]
        total, *raw = np.matmul(powers, terms).transpose(1, 0, 2)
        return np.log(total) + constant, *_slopes(raw, total, -away, 1.0, 1.0 / sd**2)

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


def _slopes(
    raw: list[Array], total: Array, start: Array, width: Array | float, precision: float
) -> tuple[Array, ...]:
    """The first four derivatives of log f, from moments of x = η + start + width · t.

    They are x's cumulants under the integrand, times powers of 1/σ² (tilting of a normal density).
    raw: sums over nodes of t … t⁴, total: of 1.
    """
    mean, square, cube, fourth = (part / total for part in raw)
    variance = square - mean**2
    skew = cube - 3.0 * mean * square + 2.0 * mean**3
    peak = fourth - 4.0 * mean * cube + 6.0 * mean**2 * square - 3.0 * mean**4
    scaled = width * precision
    return (
        start * precision + scaled * mean,
        scaled**2 * variance - precision,
        scaled**3 * skew,
        scaled**4 * (peak - 3.0 * variance**2),
    )
