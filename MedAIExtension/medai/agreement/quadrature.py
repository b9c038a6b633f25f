"""Likelihood of the crossed logistic mixed model with the unit effect integrated exactly.

The integrand over a unit's standard normal effect is analytic in a strip of half-width π/σ_unit,
so the trapezoidal rule with a step of 1/σ_unit is exact to about e⁻¹⁹ (Trefethen and Weideman
2014, SIAM Rev. 56(3)); the step adapts to σ_unit, and all rating patterns share the nodes.
(Gauss-Hermite nodes around each mode need more than a hundred points once σ_unit passes 10, where
the integrand is a plateau with an edge rather than a bell.) Rater effects, few and each informed by
the whole image, stay at their joint mode with Laplace's correction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.agreement.binomial_table import BinomialTable
from medai.agreement.icc_profile import FitSurroundings, unpenalized
from medai.agreement.maximize import maximize
from medai.agreement.mixed_model import MixedModelFit, from_marginal, to_marginal

Array = NDArray[np.float64]

_REACH = 8.5
_STEP_ON_LOGIT = 1.0
_WIDEST_STEP = 0.25
_MOST_STEPS = 60
_TOLERANCE = 1e-9
_DIFFERENCE = 1e-5
# On the marginal scale of the search (see mixed_model).
_LOWER = np.array([-6.0, -8.0, -12.0])
_UPPER = np.array([4.5, 4.0, 12.0])
_LONGEST = np.array([0.8, 1.0, 0.7])
_STARTS = ((0.7, 0.3), (2.5, 0.3), (8.0, 0.2))
_LONGEST_RATER_STEP = 1.5
_NEARLY_ZERO = 0.2
# Around a fit: the step of second differences, and the least σ_unit they are taken at.
_SECOND_DIFFERENCE = 0.02
_LEAST_SPREAD = 0.05
# Keeps the temporary arrays of a batch in the processor's cache.
_BATCH_NUMBERS = 40_000
# With many raters an image can hold tens of thousands of patterns: these are taken in parts.
_MOST_NUMBERS = 2_000_000


def nodes(largest_sd: float) -> tuple[Array, Array]:
    """Nodes of a standard normal effect and the logs of their weights, for this σ or smaller."""
    step = min(_WIDEST_STEP, _STEP_ON_LOGIT / max(largest_sd, 1e-9))
    half = int(np.ceil(_REACH / step))
    v = np.arange(-half, half + 1, dtype=np.float64) * step
    return v, -0.5 * v**2 + float(np.log(step) - 0.5 * np.log(2.0 * np.pi))


def quadrature_log_likelihood(
    parameters: Array, table: BinomialTable, s: Array, *, steps: int = _MOST_STEPS
) -> Array:
    """(b,) log-likelihoods of parameters (b, 3): log σ_unit, log σ_rater, β.

    s: (b, raters) where the search for the rater effects' mode starts; moved to the mode.
    """
    su, sr = np.exp(parameters[:, 0]), np.exp(parameters[:, 1])
    v, log_weight = nodes(float(su.max()))
    base = parameters[:, 2][:, None] + su[:, None] * v
    active = np.arange(len(su))
    for _ in range(steps):
        _, gradient, hessian = _at(
            base[active], sr[active], s[active], table.take(active), v, log_weight
        )
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        move = np.abs(sr[active][:, None] * step).max(axis=1)
        step /= np.maximum(move / _LONGEST_RATER_STEP, 1.0)[:, None]
        s[active] += step
        active = active[move > _TOLERANCE]
        if not active.size:
            break
    value, _, hessian = _at(base, sr, s, table, v, log_weight)
    return value - 0.5 * np.linalg.slogdet(hessian)[1]


def _at(
    base: Array, sr: Array, s: Array, table: BinomialTable, v: Array, log_weight: Array
) -> tuple[Array, Array, Array]:
    """log p(y | s) − ½|s|², its gradient and minus its Hessian in s."""
    raters = s.shape[1]
    eta = base[:, :, None] + (sr[:, None] * s)[:, None, :]
    small = np.exp(-np.abs(eta))
    log1p = np.log1p(small)
    p = np.where(eta >= 0, 1.0, small) / (1.0 + small)
    w = small / (1.0 + small) ** 2
    softplus = np.maximum(eta, 0.0) + log1p
    value = -0.5 * (s**2).sum(axis=1)
    gradient = -s
    hessian = np.zeros((len(s), raters, raters))
    hessian[:, np.arange(raters), np.arange(raters)] = 1.0
    size = max(1, _MOST_NUMBERS // (len(s) * v.size))
    for first in range(0, table.rows, size):
        rows = slice(first, first + size)
        successes = table.successes[:, :, rows].transpose(0, 2, 1)
        trials = table.trials[:, :, rows].transpose(0, 2, 1)
        counts = table.counts[:, rows]
        joint = np.matmul(successes, eta.transpose(0, 2, 1))
        joint -= np.matmul(trials, softplus.transpose(0, 2, 1))
        joint += log_weight
        top = joint.max(axis=2, keepdims=True)
        np.exp(joint - top, out=joint)
        total = joint.sum(axis=2, keepdims=True)
        value = value + (counts * (np.log(total) + top)[:, :, 0]).sum(axis=1)
        posterior = joint / total
        expected = trials * np.matmul(posterior, p)
        residual = (counts[:, :, None] * (successes - expected)).sum(axis=1)
        gradient = gradient + sr[:, None] * residual
        second, weights = _second_moments(posterior, trials, counts, p, w)
        second -= np.matmul(expected.transpose(0, 2, 1), counts[:, :, None] * expected)
        hessian -= (sr**2)[:, None, None] * second
        index = np.arange(raters)
        hessian[:, index, index] += sr[:, None] ** 2 * weights
    return value, gradient, hessian


def _second_moments(
    posterior: Array, trials: Array, counts: Array, p: Array, w: Array
) -> tuple[Array, Array]:
    """Over all units: Σ E[p_j p_k] (b, raters, raters) and Σ E[w_j] (b, raters)."""
    raters = p.shape[2]
    if ((trials == 1) | (counts[:, :, None] == 0)).all():
        # Everybody rated everything: the units' posteriors can be added up first.
        total = np.matmul(counts[:, None, :], posterior)
        return np.matmul(p.transpose(0, 2, 1) * total, p), np.matmul(total, w)[:, 0, :]
    products = (p[:, :, :, None] * p[:, :, None, :]).reshape(*p.shape[:2], -1)
    second = np.matmul(posterior, products).reshape(*posterior.shape[:2], raters, raters)
    pairs = counts[:, :, None, None] * trials[:, :, :, None] * trials[:, :, None, :]
    weights = (counts[:, :, None] * trials * np.matmul(posterior, w)).sum(axis=1)
    return (pairs * second).sum(axis=1), weights


def fit_by_quadrature(table: BinomialTable, *, starts: Array | None = None) -> MixedModelFit:
    """The highest likelihood of every data set, the unit effect integrated by quadrature.

    starts: (sets, 3) to climb from these alone; log σ_unit, log σ_rater, β.
    """
    if starts is None:
        begins, owner = _starts(table)
    else:
        begins, owner = to_marginal(starts, False), np.arange(table.sets)
    x, values, converged = _climb(table, owner, begins)
    order = np.lexsort((-values, owner))
    best = order[np.searchsorted(owner[order], np.arange(table.sets))]
    x, values, converged = x[best], values[best], converged[best]
    for column in (1, 0):
        small = np.flatnonzero(x[:, column] < np.log(_NEARLY_ZERO))
        if small.size:
            trial = x[small].copy()
            trial[:, column] = -np.inf
            found = _climb(table, small, trial)
            better = found[1] >= values[small] - 1e-7
            for target, source in zip((x, values, converged), found, strict=True):
                target[small[better]] = source[better]
    final, _ = from_marginal(x, False)
    sd_unit, sd_rater = np.exp(final[:, 0]), np.exp(final[:, 1])
    return MixedModelFit(sd_unit, sd_rater, np.zeros(len(x)), final[:, 2], values, converged)


def _starts(table: BinomialTable) -> tuple[Array, NDArray[np.intp]]:
    share = table.mean_share()
    logit = np.log(share / (1.0 - share))
    begins = np.empty((table.sets, len(_STARTS), 3))
    begins[:, :, :2] = np.log(_STARTS)
    begins[:, :, 2] = logit[:, None]
    return begins.reshape(-1, 3), np.repeat(np.arange(table.sets), len(_STARTS))


def _climb(
    table: BinomialTable, owner: NDArray[np.intp], begins: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    modes = np.zeros((len(owner), table.raters))

    def objective(x: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        values = np.empty((4, len(x)))
        # The largest variance of a batch sets its number of nodes, so like goes with like.
        order = np.argsort(x[:, 0])
        first = 0
        while first < len(x):
            many = nodes(float(np.exp(x[order[first], 0])))[0].size * table.rows * table.raters
            part = order[first : first + max(1, _BATCH_NUMBERS // many)]
            first += len(part)
            piece, mode = table.take(owner[index[part]]), modes[index[part]]
            here = x[part]
            values[0, part] = quadrature_log_likelihood(from_marginal(here, False)[0], piece, mode)
            modes[index[part]] = mode
            for row, move in enumerate(_DIFFERENCE * np.eye(3), start=1):
                # So close by, one Newton step reaches the new mode.
                moved = from_marginal(here + move, False)[0]
                values[row, part] = quadrature_log_likelihood(moved, piece, mode.copy(), steps=1)
        return values[0], ((values[1:] - values[0]) / _DIFFERENCE).T

    found = maximize(objective, begins, _LOWER, _UPPER, _LONGEST)
    return found.parameters, found.values, found.converged


def surroundings(
    table: BinomialTable, sd_unit: float, sd_rater: float, intercept: float
) -> FitSurroundings:
    """What an interval needs to know of the fit of the one data set in ``table``."""
    effects = np.zeros((1, table.raters))
    logs = np.log(np.maximum([[sd_unit, sd_rater]], 1e-12))
    quadrature_log_likelihood(np.column_stack([logs, [intercept]]), table, effects)
    shifts = intercept + sd_rater * effects
    one = np.ones(1)
    log_sd = float(np.log(max(sd_unit, _LEAST_SPREAD)))
    found = []
    for move in (-_SECOND_DIFFERENCE, 0.0, _SECOND_DIFFERENCE):
        su = float(np.exp(log_sd + move))
        v, log_weight = nodes(su)
        value, gradient, hessian = _at(su * v[None], one, shifts, table, v, log_weight)
        # With σ_rater = 1 and β = 0 the effects are the shifts; what their prior adds is taken off.
        found.append((value + 0.5 * (shifts**2).sum(axis=1), gradient + shifts, hessian))
    information = found[1][2][0] - np.eye(table.raters)
    (before, slope_before, _), (here, slope, _), (after, slope_after, _) = found
    cross = -(slope_after - slope_before)[0] / (2.0 * _SECOND_DIFFERENCE)
    bend = -float((after - 2.0 * here + before)[0]) / _SECOND_DIFFERENCE**2
    spread = bend - cross @ np.linalg.solve(information + 1e-9 * np.eye(table.raters), cross)
    return FitSurroundings(
        np.array([log_sd]),
        unpenalized(shifts[0], slope[0], information),
        information,
        cross[:, None],
        np.array([[spread]]),
    )
