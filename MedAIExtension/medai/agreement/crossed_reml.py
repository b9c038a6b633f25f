"""Restricted maximum likelihood of the crossed two-way random model, many tables at once.

    y_ij = μ + a_i + b_j + e_ij,   a ~ N(0, V_row), b ~ N(0, V_column), e ~ N(0, V_residual)

Complete tables have a closed form in the mean squares; tables with gaps are climbed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.agreement.maximize import maximize

Array = NDArray[np.float64]

_DIFFERENCE = 1e-4
_LOWER = np.array([-12.0, -12.0])
_UPPER = np.array([7.0, 7.0])
_LONGEST = np.array([2.0, 2.0])


@dataclass(frozen=True, eq=False)
class CrossedVariances:
    """Every array is (tables,)."""

    row: Array
    column: Array
    residual: Array
    mean: Array
    log_likelihood: Array


def crossed_reml(tables: Array) -> CrossedVariances:
    """REML variances of tables (b, rows, columns) that share their gaps (nan).

    Source: Searle, Casella and McCulloch 1992, Variance Components, section 4.7 (complete tables)
    and 6.6 (gaps).
    """
    return _complete(tables) if not np.isnan(tables[0]).any() else _with_gaps(tables)


def simulate_crossed(
    fit: CrossedVariances, seen: NDArray[np.bool_], resamples: int, seed: int
) -> Array:
    """Tables (resamples, rows, columns) drawn from the first fit, nan where ``seen`` is False."""
    random = np.random.default_rng(seed)
    rows, columns = seen.shape
    values = (
        fit.mean[0]
        + np.sqrt(fit.row[0]) * random.standard_normal((resamples, rows, 1))
        + np.sqrt(fit.column[0]) * random.standard_normal((resamples, 1, columns))
        + np.sqrt(fit.residual[0]) * random.standard_normal((resamples, rows, columns))
    )
    return np.where(seen, values, np.nan)


def _complete(tables: Array) -> CrossedVariances:
    _, rows, columns = tables.shape
    mean = tables.mean(axis=(1, 2))
    by_row = tables.mean(axis=2) - mean[:, None]
    by_column = tables.mean(axis=1) - mean[:, None]
    rest = tables - mean[:, None, None] - by_row[:, :, None] - by_column[:, None, :]
    squares = np.stack(
        [
            columns * (by_row**2).sum(axis=1),
            rows * (by_column**2).sum(axis=1),
            (rest**2).sum(axis=(1, 2)),
        ]
    )
    freedom = np.array([rows - 1, columns - 1, (rows - 1) * (columns - 1)], dtype=np.float64)
    # The three expected mean squares are independent but for V_row, V_column ≥ 0; where a variance
    # would be negative, its stratum is pooled with the residual. The best feasible pooling wins.
    best = np.full(len(tables), -np.inf)
    expected = np.zeros((3, len(tables)))
    for pooled in ((), (0,), (1,), (0, 1)):
        joined = [2, *pooled]
        residual = squares[joined].sum(axis=0) / freedom[joined].sum()
        trial = np.stack(
            [residual if k in pooled else squares[k] / freedom[k] for k in (0, 1)] + [residual]
        )
        trial = np.maximum(trial, 1e-300)
        value = -0.5 * (freedom[:, None] * np.log(trial) + squares / trial).sum(axis=0)
        feasible = (trial[:2] >= residual * (1 - 1e-12)).all(axis=0) & (value > best)
        best = np.where(feasible, value, best)
        expected = np.where(feasible, trial, expected)
    return CrossedVariances(
        row=np.maximum(expected[0] - expected[2], 0.0) / columns,
        column=np.maximum(expected[1] - expected[2], 0.0) / rows,
        residual=expected[2],
        mean=mean,
        log_likelihood=best,
    )


def _with_gaps(tables: Array) -> CrossedVariances:
    seen = ~np.isnan(tables[0])
    y = np.where(seen, tables, 0.0)

    def objective(x: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        part = y[index]
        value = _profile(x, part, seen)[0]
        gradient = np.empty_like(x)
        for k in range(2):
            move = np.zeros(2)
            move[k] = _DIFFERENCE
            up, down = _profile(x + move, part, seen)[0], _profile(x - move, part, seen)[0]
            gradient[:, k] = (up - down) / (2.0 * _DIFFERENCE)
        return value, gradient

    starts = np.zeros((len(y), 2))
    best = maximize(objective, starts, _LOWER, _UPPER, _LONGEST)
    values, x = best.values, best.parameters.copy()
    for held in ((1,), (0,), (0, 1)):
        trial = best.parameters.copy()
        trial[:, list(held)] = -np.inf
        found = maximize(objective, trial, _LOWER, _UPPER, _LONGEST)
        better = found.values >= values - 1e-9
        x = np.where(better[:, None], found.parameters, x)
        values = np.where(better, found.values, values)
    log_likelihood, mean, residual = _profile(x, y, seen)
    ratio = np.exp(x)
    return CrossedVariances(
        ratio[:, 0] * residual, ratio[:, 1] * residual, residual, mean, log_likelihood
    )


def _profile(x: Array, y: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Restricted likelihood at log variance ratios, with mean and residual variance at their best.

    (I + Z diag(ratio) Z')⁻¹ through the row effects first (diagonal), then the columns (dense).
    """
    row, column = np.exp(x[:, :1]), np.exp(x[:, 1:])
    per_row = seen.sum(axis=1)
    shrink = row / (1.0 + row * per_row)
    columns = seen.shape[1]
    weights = seen.astype(np.float64)
    # Normal matrix of the column effects after the row effects, scaled by the ratio.
    crossed = np.einsum("br,rj,rk->bjk", shrink, weights, weights)
    inner = np.diag(weights.sum(axis=0))[None] - crossed
    system = np.eye(columns)[None] + column[:, :, None] * inner

    def product(left: Array, right: Array) -> Array:
        plain = (left * right).sum(axis=(1, 2))
        l_row, r_row = left.sum(axis=2), right.sum(axis=2)
        plain -= (shrink * l_row * r_row).sum(axis=1)
        l_col = left.sum(axis=1) - np.matmul((shrink * l_row)[:, None, :], weights)[:, 0, :]
        r_col = right.sum(axis=1) - np.matmul((shrink * r_row)[:, None, :], weights)[:, 0, :]
        solved = np.linalg.solve(system, (column * r_col)[:, :, None])[:, :, 0]
        return plain - (l_col * solved).sum(axis=1)

    ones = np.broadcast_to(weights, y.shape)
    information = product(ones, ones)
    mean = product(ones, y) / information
    centred = (y - mean[:, None, None]) * weights
    squares = product(centred, centred)
    freedom = weights.sum() - 1.0
    residual = squares / freedom
    log_det = np.log1p(row * per_row).sum(axis=1) + np.linalg.slogdet(system)[1]
    value = -0.5 * (freedom * (np.log(residual) + 1.0) + log_det + np.log(information))
    return value, mean, residual
