"""Fit the crossed logistic mixed model by maximum Laplace likelihood, from many starts.

The likelihood of sparse binary ratings can have several maxima and long flat valleys (lme4 stops
early in some of them), so the whole range of variances is screened first and the best few points
are climbed from. The search runs on a marginal scale, σ_rater / κ and β / κ with
κ² = 1 + c²(σ_unit² + σ_over²) and c = 16√3/(15π) (Zeger, Liang and Albert 1988), on which the
parameters hardly pull on each other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import product

import numpy as np
from numpy.typing import NDArray

from medai.agreement.binomial_table import BinomialTable
from medai.agreement.laplace import log_likelihood, zero_modes
from medai.agreement.maximize import Objective, maximize

Array = NDArray[np.float64]

_ATTENUATION = (16.0 * 3.0**0.5 / (15.0 * np.pi)) ** 2
_LOWER = np.array([-6.0, -8.0, -12.0, -6.0])
_UPPER = np.array([6.0, 5.0, 12.0, 6.0])
_LONGEST_STEP = np.array([1.0, 1.0, 0.7, 1.0])
# Starts: σ_unit, σ_rater / κ, a factor of β / κ, and σ_over; without and with over-dispersion.
_PIXEL_STARTS = ((0.5, 2.0, 6.0, 16.0, 40.0), (0.03, 0.25), (0.7, 1.2))
_AREA_STARTS = ((1.0, 4.0, 12.0, 40.0), (0.1,), (0.7, 1.2), (0.5, 3.0, 10.0))
# The likelihood's maxima differ in which variance is large, so the best start of each kind is
# climbed from: least and most σ_unit, least and most σ_over.
_PIXEL_GROUPS = (
    (0.5, 2.0, 0.0, 0.0),
    (6.0, 6.0, 0.0, 0.0),
    (16.0, 16.0, 0.0, 0.0),
    (40.0, 40.0, 0.0, 0.0),
)
_AREA_GROUPS = (
    (1.0, 4.0, 0.5, 3.0),
    (1.0, 4.0, 10.0, 10.0),
    (12.0, 40.0, 0.5, 0.5),
    (12.0, 40.0, 3.0, 3.0),
    (12.0, 40.0, 10.0, 10.0),
)
_SCREEN_ROWS = 64
_SCREEN_TOLERANCE = 0.05
# Keeps temporary arrays of a batch at a few megabytes.
_BATCH_NUMBERS = 400_000
# With this many different ratings (ten raters and more) the likelihood has one maximum in practice;
# only the most likely start is climbed from.
_LARGE_TABLE = 20_000
# Below this share of κ a rater effect is tried at exactly zero; likewise the other two.
_NEARLY_ZERO = 0.2


@dataclass(frozen=True, eq=False)
class MixedModelFit:
    """Best fits of many data sets: every array is (sets,).

    Standard deviations on the logit scale; log_likelihood without binomial coefficients.
    """

    sd_unit: Array
    sd_rater: Array
    sd_over: Array
    intercept: Array
    log_likelihood: Array
    converged: NDArray[np.bool_]


def fit_mixed_model(
    table: BinomialTable, *, over: bool = False, starts: Array | None = None
) -> MixedModelFit:
    """The highest Laplace likelihood of every data set in ``table``.

    over: whether each observation has an effect of its own (over-dispersion).
    starts: (sets, 3 or 4) to climb from these alone, instead of screening: log σ_unit,
        log σ_rater, β (, log σ_over).
    """
    climbed = 1 if starts is not None else len(_AREA_GROUPS if over else _PIXEL_GROUPS)
    per_set = table.rows * table.raters * climbed
    size = max(1, _BATCH_NUMBERS // per_set)
    pieces = [
        _fit_batch(
            _slice(table, first, first + size),
            over,
            None if starts is None else starts[first : first + size],
        )
        for first in range(0, table.sets, size)
    ]
    if len(pieces) == 1:
        return pieces[0]
    return MixedModelFit(
        *(
            np.concatenate([getattr(piece, field.name) for piece in pieces])
            for field in fields(MixedModelFit)
        )
    )


def _slice(table: BinomialTable, first: int, last: int) -> BinomialTable:
    def part(array: Array) -> Array:
        return array if len(array) == 1 else array[first:last]

    return BinomialTable(part(table.successes), part(table.trials), table.counts[first:last])


def _fit_batch(table: BinomialTable, over: bool, starts: Array | None) -> MixedModelFit:
    if starts is None:
        begin = _screen(table, over)
        owner = np.repeat(np.arange(table.sets), len(begin) // table.sets)
        if table.rows * table.raters > _LARGE_TABLE:
            chosen = _best(owner, _values_at(table, owner, begin, over), table.sets)
            begin, owner = begin[chosen], owner[chosen]
    else:
        begin = to_marginal(starts, over)
        owner = np.arange(table.sets)
    x, values, converged = _climb(table, owner, begin, over)
    best = _best(owner, values, table.sets)
    x, values, converged = x[best], values[best], converged[best]
    # The boundary σ = 0 is a point of its own, out of reach of a search over logarithms.
    for column in (1, 0, 3)[: 3 if over else 2]:
        small = np.flatnonzero(x[:, column] < np.log(_NEARLY_ZERO))
        if not small.size:
            continue
        trial = x[small].copy()
        trial[:, column] = -np.inf
        found = _climb(table, small, trial, over)
        better = found[1] >= values[small] - 1e-7
        for target, source in zip((x, values, converged), found, strict=True):
            target[small[better]] = source[better]
    final = from_marginal(x, over)[0]
    sd = np.exp(final)
    sd_over = sd[:, 3] if over else np.zeros(len(sd))
    return MixedModelFit(sd[:, 0], sd[:, 1], sd_over, final[:, 2], values, converged)


def _climb(
    table: BinomialTable, owner: NDArray[np.intp], begin: Array, over: bool
) -> tuple[Array, Array, NDArray[np.bool_]]:
    columns = 4 if over else 3
    found = maximize(
        _objective(table, owner, over),
        begin,
        _LOWER[:columns],
        _UPPER[:columns],
        _LONGEST_STEP[:columns],
    )
    return found.parameters, found.values, found.converged


def _values_at(table: BinomialTable, owner: NDArray[np.intp], marginal: Array, over: bool) -> Array:
    """(b,) likelihoods of starts, one after the other: a large table has no room for a batch."""
    values = np.empty(len(marginal))
    for place in range(len(marginal)):
        values[[place]], _ = log_likelihood(
            from_marginal(marginal[[place]], over)[0],
            table.take(owner[[place]]),
            zero_modes(1, table, over),
            gradient=False,
            tolerance=_SCREEN_TOLERANCE,
        )
    return values


def _best(owner: NDArray[np.intp], values: Array, sets: int) -> NDArray[np.intp]:
    order = np.lexsort((-np.where(np.isfinite(values), values, -np.inf), owner))
    first = np.searchsorted(owner[order], np.arange(sets))
    return order[first]


def _objective(table: BinomialTable, owner: NDArray[np.intp], over: bool) -> Objective:
    modes = zero_modes(len(owner), table, over)

    def objective(marginal: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        parameters, scale2 = from_marginal(marginal, over)
        part = modes.take(index)
        value, raw = log_likelihood(parameters, table.take(owner[index]), part)
        modes.put(index, part)
        gradient = raw.copy()
        gradient[:, 2] *= np.sqrt(scale2)
        common = raw[:, 1] + raw[:, 2] * parameters[:, 2]
        for column in (0, 3) if over else (0,):
            share = _ATTENUATION * np.exp(2.0 * marginal[:, column]) / scale2
            gradient[:, column] += common * share
        return value, gradient

    return objective


def _scale2(logs: Array, over: bool) -> Array:
    scale2 = 1.0 + _ATTENUATION * np.exp(2.0 * logs[:, 0])
    if over:
        scale2 = scale2 + _ATTENUATION * np.exp(2.0 * logs[:, 3])
    return scale2


def from_marginal(marginal: Array, over: bool) -> tuple[Array, Array]:
    """Parameters on the model's own scale, and κ², of parameters on the marginal scale."""
    scale2 = _scale2(marginal, over)
    parameters = marginal.copy()
    parameters[:, 1] += 0.5 * np.log(scale2)
    parameters[:, 2] *= np.sqrt(scale2)
    return parameters, scale2


def to_marginal(parameters: Array, over: bool) -> Array:
    """Parameters on the scale of the search."""
    scale2 = _scale2(parameters, over)
    marginal = parameters.copy()
    marginal[:, 1] -= 0.5 * np.log(scale2)
    marginal[:, 2] /= np.sqrt(scale2)
    return marginal


def _screen(table: BinomialTable, over: bool) -> Array:
    """(sets · groups, k): the most likely point of each part of a coarse grid, marginal scale."""
    share = table.mean_share()
    logit = np.log(share / (1.0 - share))
    grid = np.array(list(product(*(_AREA_STARTS if over else _PIXEL_STARTS))))
    points = np.repeat(grid[None], table.sets, axis=0)
    points[:, :, 2] *= logit[:, None]
    logs = [0, 1, 3] if over else [0, 1]
    points[:, :, logs] = np.log(points[:, :, logs])
    flat = points.reshape(-1, points.shape[2])
    owner = np.repeat(np.arange(table.sets), len(grid))
    sample = _sample_rows(table)
    parameters = from_marginal(flat, over)[0]
    values = np.empty(len(flat))
    step = max(1, _BATCH_NUMBERS // (sample.raters * sample.rows))
    for first in range(0, len(flat), step):
        part = slice(first, first + step)
        modes = zero_modes(len(flat[part]), sample, over)
        values[part], _ = log_likelihood(
            parameters[part],
            sample.take(owner[part]),
            modes,
            gradient=False,
            tolerance=_SCREEN_TOLERANCE,
        )
    by_point = values.reshape(table.sets, -1)
    groups = _AREA_GROUPS if over else _PIXEL_GROUPS
    best = np.stack(
        [
            np.flatnonzero(chosen)[by_point[:, chosen].argmax(axis=1)]
            for chosen in (_in_group(grid, group) for group in groups)
        ],
        axis=1,
    )
    return np.take_along_axis(points, best[:, :, None], axis=1).reshape(-1, points.shape[2])


def _in_group(grid: Array, group: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    least_unit, most_unit, least_over, most_over = group
    unit = (grid[:, 0] >= least_unit) & (grid[:, 0] <= most_unit)
    if grid.shape[1] == 3:
        return unit
    return unit & (grid[:, 3] >= least_over) & (grid[:, 3] <= most_over)


def _sample_rows(table: BinomialTable) -> BinomialTable:
    """A few rows are enough to rank starts by."""
    if table.rows <= _SCREEN_ROWS:
        return table
    kept = np.linspace(0, table.rows - 1, _SCREEN_ROWS).round().astype(int)
    return BinomialTable(
        table.successes[:, :, kept], table.trials[:, :, kept], table.counts[:, kept]
    )
