"""Exact likelihood of the area model given the raters' effects, with its derivatives.

    k_ij ~ Binomial(m_i, p_ij),   logit p_ij = β + u_i + r_j + o_ij

With the raters' shifts β + r_j given, cells are independent; the observation effects o_ij and the
cell effect u_i are integrated, one inside the other. The integrand over u is log-concave and
analytic, so a trapezoidal rule between the points where it has vanished converges geometrically;
each cell has an interval and as many nodes as it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.agreement.observation_density import Observations

Array = NDArray[np.float64]

_DROP = 20.0
# An interval is renewed when the integrand at its ends is not between these below its top.
_LEAST_DROP, _MOST_DROP = 12.0, 90.0
_STEP = 0.85
_EDGE_WIDTH = 0.8
_NODE_CLASSES = (16, 24, 40, 64, 112, 208, 400, 800)
_NEWTON_STEPS, _WIDENINGS = 40, 60
_LONGEST_STEP = 4.0
_NARROWINGS = 8
# Cells, raters and nodes evaluated at once: keeps temporary arrays in the processor's cache.
_BATCH_NUMBERS = 24_000


@dataclass(frozen=True, eq=False)
class AreaPoint:
    """value: log-likelihood given the raters' shifts, without binomial coefficients.

    shift: (raters,) its gradient in β + r_j. log_unit, log_over: in log σ_unit and log σ_over.
    information: (raters, raters), minus its Hessian in the shifts.
    scores: (cells, raters + 2), each cell's share of the gradient (log σ_unit and log σ_over last).
    """

    value: float
    shift: Array
    log_unit: float
    log_over: float
    information: Array
    scores: Array


class AreaLikelihood:
    """The likelihood of one image's cells.

    marked: (cells, raters). units: (cells,). counts: (cells,), how many equal cells a row stands
    for.
    """

    def __init__(self, marked: Array, units: Array, counts: Array) -> None:
        self.cells, self.raters = marked.shape
        self.counts = counts.astype(np.float64)
        self._observations = Observations(marked.ravel(), np.repeat(units, self.raters))
        self._rows = np.arange(self.cells * self.raters).reshape(self.cells, self.raters)
        self._low: Array | None = None
        self._high = self._number = np.zeros(self.cells)

    def at(self, shift: Array, sd_unit: float, sd_over: float) -> AreaPoint:
        """Evaluate at raters' shifts β + r_j (raters,) and standard deviations."""
        if sd_unit == 0.0:
            return self._without_unit(shift, sd_over)
        if self._low is None or self._number.shape != (self.cells,):
            self._renew(np.arange(self.cells), shift, sd_unit, sd_over)
        for _ in range(3):
            point, outside = self._integrate(shift, sd_unit, sd_over)
            if not outside.size:
                break
            self._renew(outside, shift, sd_unit, sd_over)
        return point

    def _integrate(
        self, shift: Array, sd_unit: float, sd_over: float
    ) -> tuple[AreaPoint, NDArray[np.intp]]:
        assert self._low is not None
        value, log_over = np.empty(self.cells), np.empty(self.cells)
        log_unit = np.empty(self.cells)
        mean = np.empty((self.cells, self.raters))
        information = np.zeros((self.raters, self.raters))
        ends = np.empty((self.cells, 2))
        for number in np.unique(self._number):
            members = np.flatnonzero(self._number == number)
            size = max(1, _BATCH_NUMBERS // (int(number) * self.raters))
            for first in range(0, members.size, size):
                part = members[first : first + size]
                step = (self._high[part] - self._low[part]) / (number - 1)
                u = self._low[part, None] + step[:, None] * np.arange(int(number))
                log_f, d, c = self._joint(part, u, shift, sd_over)
                joint = log_f.sum(axis=1) - 0.5 * (u / sd_unit) ** 2
                top = joint.max(axis=1)
                weight = np.exp(joint - top[:, None])
                total = weight.sum(axis=1)
                weight /= total[:, None]
                value[part] = np.log(total * step) + top
                ends[part] = top[:, None] - joint[:, [0, -1]]
                mean[part] = (weight[:, None, :] * d).sum(axis=2)
                summed = d.sum(axis=1)
                log_unit[part] = (weight * u * summed).sum(axis=1)
                second = (weight[:, None, :] * c).sum(axis=2)
                log_over[part] = sd_over**2 * second.sum(axis=1)
                weighted = d * (self.counts[part, None] * weight)[:, None, :]
                cross = np.einsum("ijn,ikn->jk", weighted, d, optimize=True)
                bent = np.einsum("i,ijn,ijn->j", self.counts[part], weight[:, None, :] * d, d)
                information -= cross - np.diag(bent)
                information -= np.diag((self.counts[part, None] * second).sum(axis=0))
        counts = self.counts
        information += (counts[:, None] * mean).T @ mean
        value -= np.log(sd_unit) + 0.5 * np.log(2.0 * np.pi)
        scores = np.column_stack([mean, log_unit, log_over])
        outside = ((ends < _LEAST_DROP) | (ends > _MOST_DROP)).any(axis=1)
        point = AreaPoint(
            float(counts @ value),
            counts @ mean,
            float(counts @ log_unit),
            float(counts @ log_over),
            information,
            scores,
        )
        return point, np.flatnonzero(outside)

    def _without_unit(self, shift: Array, sd_over: float) -> AreaPoint:
        log_f, d, c = self._joint(np.arange(self.cells), np.zeros((self.cells, 1)), shift, sd_over)
        mean, second, counts = d[:, :, 0], c[:, :, 0], self.counts
        log_over = sd_over**2 * second.sum(axis=1)
        return AreaPoint(
            float(counts @ log_f[:, :, 0].sum(axis=1)),
            counts @ mean,
            0.0,
            float(counts @ log_over),
            np.diag(counts @ (mean**2 - second)),
            np.column_stack([mean, np.zeros(self.cells), log_over]),
        )

    def _joint(
        self, cells: NDArray[np.intp], u: Array, shift: Array, sd_over: float
    ) -> tuple[Array, Array, Array]:
        """Log densities of the cells' observations and derivatives, each (cells, raters, nodes)."""
        eta = u[:, None, :] + shift[None, :, None]
        shape = eta.shape
        rows = self._rows[cells].ravel()
        found = self._observations.log_density(eta.reshape(-1, shape[2]), sd_over, rows)
        return (
            found.value.reshape(shape),
            found.first.reshape(shape),
            found.second.reshape(shape),
        )

    def _renew(self, cells: NDArray[np.intp], shift: Array, sd_unit: float, sd_over: float) -> None:
        """Find where the integrands of ``cells`` have vanished, and how many nodes they need."""
        if self._low is None:
            self._low, self._high = np.zeros(self.cells), np.zeros(self.cells)
            self._number = np.zeros(self.cells)
        u = np.zeros(cells.size)
        active = np.arange(cells.size)
        value, bend = np.empty(cells.size), np.empty(cells.size)
        for _ in range(_NEWTON_STEPS):
            log_f, d, c = self._joint(cells[active], u[active, None], shift, sd_over)
            value[active] = log_f[:, :, 0].sum(axis=1) - 0.5 * (u[active] / sd_unit) ** 2
            slope = d[:, :, 0].sum(axis=1) - u[active] / sd_unit**2
            bend[active] = (d[:, :, 0] ** 2 - c[:, :, 0]).sum(axis=1) + 1.0 / sd_unit**2
            step = np.clip(slope / np.maximum(bend[active], 1e-12), -_LONGEST_STEP, _LONGEST_STEP)
            moving = np.abs(step) * np.sqrt(np.maximum(bend[active], 0.0)) > 0.1
            u[active] += np.where(moving, step, 0.0)
            active = active[moving]
            if not active.size:
                break
        width = np.sqrt(2.0 * _DROP / np.maximum(bend, 1e-12))
        ends = [self._end(cells, u, value, side * width, shift, sd_unit, sd_over)
                for side in (-1.0, 1.0)]  # fmt: skip
        self._low[cells], self._high[cells] = ends
        step = _STEP * np.minimum(
            1.0 / np.sqrt(np.maximum(bend, 1e-12)),
            np.sqrt(_EDGE_WIDTH + sd_over**2 / self.raters),
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
            log_f, _, _ = self._joint(cells[active], at[:, None], shift, sd_over)
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
