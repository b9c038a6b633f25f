"""Exact likelihood of the area model given the raters' effects, with its derivatives.

    k_ij ~ Binomial(m_i, p_ij),   logit p_ij = β + u_i + r_j + o_ij

With the raters' shifts β + r_j given, cells are independent; the observation effects o_ij and the
cell effect u_i are integrated, one inside the other. The integrand over u is log-concave and
analytic, so a trapezoidal rule between the points where it has vanished converges geometrically;
each cell has an interval and as many nodes as it needs. Derivatives are posterior moments of the
nodes (Louis 1982, J. R. Stat. Soc. B 44(2)); those in the variance of observations follow from
those in η, since a blurred density obeys the heat equation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.agreement.crossed_search import CrossedPoint
from medai.agreement.observation_density import Observations

Array = NDArray[np.float64]

_DROP = 24.0
# An interval is renewed when the integrand at its ends is not between these below its top.
_LEAST_DROP, _MOST_DROP = 16.5, 90.0
_STEP = 1.0
_EDGE_STEP, _EDGE_WIDTH = 0.8, 0.8
_NODE_CLASSES = (16, 20, 26, 34, 46, 64, 88, 120, 168, 240, 336, 480, 800)
_NEWTON_STEPS, _WIDENINGS = 40, 60
_LONGEST_STEP = 4.0
# Cells, raters and nodes evaluated at once: keeps temporary arrays in the processor's cache.
_BATCH_NUMBERS = 12_000
_HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))
# V_over is sought on the scale of log (V_over + this), which reaches 0.
OVER_OFFSET = 1e-3
# A variance below this is 0: cumulants over such a width drown in rounding.
_LEAST_OVER = 1e-7


class AreaLikelihood:
    """The likelihood of one image's cells, without binomial coefficients.

    marked: (cells, raters). units: (cells,). counts: (cells,), how many equal cells a row stands
    for.
    """

    def __init__(self, marked: Array, units: Array, counts: Array) -> None:
        self.cells, self.raters = marked.shape
        self.counts = counts.astype(np.float64)
        self._observations = Observations(marked.ravel(), np.repeat(units, self.raters))
        self._rows = np.arange(self.cells * self.raters).reshape(self.cells, self.raters)
        self._low = self._high = self._number = np.zeros(0)
        self._mode = np.zeros(self.cells)

    def at(
        self, shifts: Array, spread: Array, index: NDArray[np.intp] | None = None
    ) -> CrossedPoint:
        """Evaluate at raters' shifts β + r_j, (1, raters), and spread (1, 2).

        spread: log σ_unit (−inf is 0) and log (V_over + OVER_OFFSET). index: not used; there is
        one data set.
        """
        shift, sd_unit = shifts[0], float(np.exp(spread[0, 0]))
        scale = float(np.exp(spread[0, 1]))
        over = scale - OVER_OFFSET
        sd_over = float(np.sqrt(over)) if over > _LEAST_OVER else 0.0
        if sd_unit == 0.0:
            cells = np.arange(self.cells)
            found = self._moments(cells, None, sd_unit, shift, sd_over, scale)
            return _point(*found[:3])
        if not self._number.size:
            self._low, self._high = np.zeros(self.cells), np.zeros(self.cells)
            self._number = np.zeros(self.cells)
            self._renew(np.arange(self.cells), shift, sd_unit, sd_over)
        value, gradient = 0.0, np.zeros(self.raters + 2)
        information = np.zeros((self.raters + 2, self.raters + 2))
        left = np.arange(self.cells)
        for last in (False, False, True):
            outside = []
            for number in np.unique(self._number[left]):
                members = left[self._number[left] == number]
                size = max(1, _BATCH_NUMBERS // (int(number) * self.raters))
                for first in range(0, members.size, size):
                    part = members[first : first + size]
                    step = (self._high[part] - self._low[part]) / (number - 1)
                    u = self._low[part, None] + step[:, None] * np.arange(int(number))
                    found = self._moments(part, u, sd_unit, shift, sd_over, scale, last=last)
                    value += found[0]
                    gradient += found[1]
                    information += found[2]
                    outside.append(found[3])
            left = np.concatenate(outside)
            if not left.size:
                break
            self._renew(left, shift, sd_unit, sd_over)
        return _point(value, gradient, information)

    def _moments(
        self,
        cells: NDArray[np.intp],
        u: Array | None,
        sd_unit: float,
        shift: Array,
        sd_over: float,
        scale: float,
        *,
        last: bool = True,
    ) -> tuple[float, Array, Array, NDArray[np.intp]]:
        """Value, gradient and minus second derivatives of ``cells``, and the cells left out.

        u: (cells, nodes), evenly spaced; None for u = 0 alone. last: leave none out.
        """
        raters = self.raters
        at = np.zeros((cells.size, 1)) if u is None else u
        log_f, d, d2, d3, d4 = self._joint(cells, at, shift, sd_over)
        joint = log_f.sum(axis=1)
        outside = cells[:0]
        if u is not None:
            joint -= 0.5 * (u / sd_unit) ** 2
            top = joint.max(axis=1)
            drops = top[:, None] - joint[:, [0, -1]]
            bad = ((drops < _LEAST_DROP) | (drops > _MOST_DROP)).any(axis=1)
            if bad.any() and not last:
                good = ~bad
                outside, cells, u, joint, top = (
                    cells[bad],
                    cells[good],
                    u[good],
                    joint[good],
                    top[good],
                )
                d, d2, d3, d4 = d[good], d2[good], d3[good], d4[good]
        counts = self.counts[cells]
        scores = np.zeros((cells.size, raters + 2, joint.shape[1]))
        scores[:, :raters] = d
        second = d2 + d**2
        scores[:, raters + 1] = 0.5 * scale * second.sum(axis=1)
        if u is None:
            value = float(counts @ joint[:, 0])
            weight = np.ones_like(joint)
        else:
            scores[:, raters] = (u / sd_unit) ** 2 - 1.0
            weight = np.exp(joint - top[:, None])
            total = weight.sum(axis=1)
            weight /= total[:, None]
            step = u[:, 1] - u[:, 0]
            value = float(counts @ (np.log(total * step / sd_unit) + top - _HALF_LOG_2PI))
        mean = np.matmul(scores, weight[:, :, None])[:, :, 0]
        weight *= counts[:, None]
        gradient = counts @ mean
        information = (counts[:, None] * mean).T @ mean
        weighted = (scores * weight[:, None, :]).transpose(1, 0, 2).reshape(raters + 2, -1)
        information -= weighted @ scores.transpose(1, 0, 2).reshape(raters + 2, -1).T
        flat = weight.ravel()

        def summed(values: Array) -> Array:
            return values.transpose(1, 0, 2).reshape(raters, -1) @ flat

        diagonal = np.arange(raters)
        information[diagonal, diagonal] -= summed(d2)
        across = 0.5 * scale * summed(d3 + 2.0 * d * d2)
        information[diagonal, raters + 1] -= across
        information[raters + 1, diagonal] -= across
        if u is not None:
            information[raters, raters] += 2.0 * float((u / sd_unit).ravel() ** 2 @ flat)
        bent = summed(0.25 * d4 + 0.5 * d2**2 + d * (d3 + d * d2))
        information[raters + 1, raters + 1] -= scale**2 * float(bent.sum())
        information[raters + 1, raters + 1] -= gradient[raters + 1]
        return value, gradient, information, outside

    def _joint(
        self, cells: NDArray[np.intp], u: Array, shift: Array, sd_over: float
    ) -> tuple[Array, ...]:
        """Log densities of the cells' observations and their first four derivatives, each (cells,
        raters, nodes)."""
        eta = u[:, None, :] + shift[None, :, None]
        shape = eta.shape
        rows = self._rows[cells].ravel()
        found = self._observations.log_density(eta.reshape(-1, shape[2]), sd_over, rows)
        return tuple(part.reshape(shape) for part in found)

    def _renew(self, cells: NDArray[np.intp], shift: Array, sd_unit: float, sd_over: float) -> None:
        """Find where the integrands of ``cells`` have vanished, and how many nodes they need."""
        u = self._mode[cells].copy()
        active = np.arange(cells.size)
        value, bend = np.empty(cells.size), np.empty(cells.size)
        for _ in range(_NEWTON_STEPS):
            log_f, d, d2, *_ = self._joint(cells[active], u[active, None], shift, sd_over)
            value[active] = log_f[:, :, 0].sum(axis=1) - 0.5 * (u[active] / sd_unit) ** 2
            slope = d[:, :, 0].sum(axis=1) - u[active] / sd_unit**2
            bend[active] = 1.0 / sd_unit**2 - d2[:, :, 0].sum(axis=1)
            step = np.clip(slope / np.maximum(bend[active], 1e-12), -_LONGEST_STEP, _LONGEST_STEP)
            moving = np.abs(step) * np.sqrt(np.maximum(bend[active], 0.0)) > 0.1
            u[active] += np.where(moving, step, 0.0)
            active = active[moving]
            if not active.size:
                break
        self._mode[cells] = u
        width = np.sqrt(2.0 * _DROP / np.maximum(bend, 1e-12))
        ends = [self._end(cells, u, value, side * width, shift, sd_unit, sd_over)
                for side in (-1.0, 1.0)]  # fmt: skip
        self._low[cells], self._high[cells] = ends
        step = np.minimum(
            _STEP / np.sqrt(np.maximum(bend, 1e-12)),
            _EDGE_STEP * np.sqrt(_EDGE_WIDTH + sd_over**2 / self.raters),
        )
        needed = (ends[1] - ends[0]) / step
        classes = np.array(_NODE_CLASSES)
        self._number[cells] = classes[
            np.minimum(np.searchsorted(classes, needed), len(classes) - 1)
        ]

    def _end(
        self,
        cells: NDArray[np.intp],
        u: Array,
        value: Array,
        width: Array,
        shift: Array,
        sd_unit: float,
        sd_over: float,
    ) -> Array:
        """Where the integrand is between the least and the most drop below its top, on one side."""
        inner, outer = np.zeros_like(u), np.full_like(u, np.inf)
        place = width.copy()
        active = np.arange(u.size)
        for _ in range(_WIDENINGS):
            at = u[active] + place[active]
            log_f, *_ = self._joint(cells[active], at[:, None], shift, sd_over)
            drop = value[active] - (log_f[:, :, 0].sum(axis=1) - 0.5 * (at / sd_unit) ** 2)
            short, far = drop < _DROP, drop > _DROP + 25.0
            inner[active[short]] = place[active[short]]
            outer[active[far]] = place[active[far]]
            closed = np.isfinite(outer[active])
            guess = np.where(closed, 0.5 * (inner[active] + outer[active]), 1.6 * place[active])
            active, guess = active[short | far], guess[short | far]
            place[active] = guess
            if not active.size:
                break
        return u + place


def _point(value: float, gradient: Array, information: Array) -> CrossedPoint:
    return CrossedPoint(np.array([value]), gradient[None], information[None])
