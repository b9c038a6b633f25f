"""Maximise many small smooth functions at once: BFGS with a batched line search.

One problem has three or four parameters, and numpy's call overhead would dominate it; in a batch,
all starts, all images and all bootstrap resamples move together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
# (parameters (b, k), problem indices (b,)) -> values (b,), gradients (b, k)
Objective = Callable[[Array, Indices], tuple[Array, Array]]

_MOST_ITERATIONS = 80
_MOST_HALVINGS = 30
_DIFFERENCE = 1e-4
_SUFFICIENT = 1e-4
_GAIN_TOLERANCE = 1e-8
_RELATIVE_ROUNDING = 1e-13
_LEAST_CURVATURE = 1e-9


@dataclass(frozen=True, eq=False)
class Maximum:
    """parameters (b, k), values (b,), converged (b,)."""

    parameters: Array
    values: Array
    converged: NDArray[np.bool_]


def maximize(
    objective: Objective, starts: Array, lower: Array, upper: Array, longest: Array
) -> Maximum:
    """Climb from every row of ``starts`` (b, k) to a local maximum inside the box.

    longest: (k,) the longest step in each parameter. A parameter at −inf stays there.
    """
    x = np.clip(starts, np.where(np.isneginf(starts), -np.inf, lower), upper)
    everyone = np.arange(len(x))
    value, gradient = objective(x, everyone)
    curvature = _difference_curvature(objective, x, gradient, everyone)
    fresh = np.ones(len(x), dtype=bool)
    converged = np.zeros(len(x), dtype=bool)
    active = everyone
    for _ in range(_MOST_ITERATIONS):
        step = _step(curvature[active], gradient[active], x[active], lower, upper, longest)
        gain = 0.5 * (step * gradient[active]).sum(axis=1)
        small = gain < _GAIN_TOLERANCE + _RELATIVE_ROUNDING * np.abs(value[active])
        converged[active[small & fresh[active]]] = True
        # A small gain by an old curvature may be an illusion: look again with a new one.
        stale = active[small & ~fresh[active]]
        if stale.size:
            curvature[stale] = _difference_curvature(objective, x[stale], gradient[stale], stale)
            fresh[stale] = True
        moving, step = active[~small], step[~small]
        if moving.size:
            stuck = _line_search(
                objective, x, value, gradient, curvature, moving, step, lower, upper
            )
            renew = moving[stuck & ~fresh[moving]]
            # No progress along a direction from fresh curvature: rounding is all that is left.
            converged[moving[stuck & fresh[moving]]] = True
            fresh[moving[~stuck]] = False
            if renew.size:
                curvature[renew] = _difference_curvature(
                    objective, x[renew], gradient[renew], renew
                )
                fresh[renew] = True
        active = active[~converged[active]]
        if not active.size:
            break
    return Maximum(x, value, converged)


def _difference_curvature(objective: Objective, x: Array, gradient: Array, index: Indices) -> Array:
    size = x.shape[1]
    moved = np.repeat(x, size, axis=0) + np.tile(_DIFFERENCE * np.eye(size), (len(x), 1))
    _, gradients = objective(moved, np.repeat(index, size))
    difference = (gradient[:, None, :] - gradients.reshape(len(x), size, size)) / _DIFFERENCE
    return _positive(0.5 * (difference + difference.transpose(0, 2, 1)))


def _positive(matrices: Array) -> Array:
    # Near a saddle the curvature is indefinite; with its sign taken off, steps still lead uphill.
    values, vectors = np.linalg.eigh(matrices)
    values = np.abs(values)
    floor = _LEAST_CURVATURE * np.maximum(values.max(axis=1, keepdims=True), 1.0)
    return np.matmul(vectors * np.maximum(values, floor)[:, None, :], vectors.transpose(0, 2, 1))


def _step(
    curvature: Array, gradient: Array, x: Array, lower: Array, upper: Array, longest: Array
) -> Array:
    # A parameter that pushes against its bound, or is −inf, is out of the system.
    held = ((x <= lower) & (gradient <= 0)) | ((x >= upper) & (gradient >= 0))
    free = ~held
    system = curvature * (free[:, :, None] & free[:, None, :])
    slope = np.where(free, gradient, 0.0)
    index = np.arange(x.shape[1])
    system[:, index, index] += held
    step = np.where(free, np.linalg.solve(system, slope[:, :, None])[:, :, 0], 0.0)
    excess = (np.abs(step) / longest).max(axis=1, keepdims=True)
    return step / np.maximum(excess, 1.0)


def _line_search(
    objective: Objective,
    x: Array,
    value: Array,
    gradient: Array,
    curvature: Array,
    moving: Indices,
    step: Array,
    lower: Array,
    upper: Array,
) -> NDArray[np.bool_]:
    """Move ``moving`` along ``step`` in place, update the curvature; true where nothing was won."""
    length = np.ones(len(moving))
    open_ = np.arange(len(moving))
    for _ in range(_MOST_HALVINGS):
        at = moving[open_]
        old = x[at]
        bound = np.where(np.isneginf(old), -np.inf, lower)
        trial = np.clip(old + length[open_, None] * step[open_], bound, upper)
        new_value, new_gradient = objective(trial, at)
        moved = np.where(np.isneginf(old), 0.0, trial - np.where(np.isneginf(old), 0.0, old))
        expected = (gradient[at] * moved).sum(axis=1)
        rounding = _RELATIVE_ROUNDING * np.abs(value[at])
        good = new_value >= value[at] + _SUFFICIENT * expected - rounding
        good &= np.isfinite(new_gradient).all(axis=1) & (moved != 0).any(axis=1)
        done = at[good]
        curvature[done] = _bfgs(curvature[done], moved[good], gradient[done] - new_gradient[good])
        x[done], value[done], gradient[done] = trial[good], new_value[good], new_gradient[good]
        open_ = open_[~good]
        if not open_.size:
            break
        length[open_] *= 0.4
    stuck = np.zeros(len(moving), dtype=bool)
    stuck[open_] = True
    return stuck


def _bfgs(curvature: Array, moved: Array, change: Array) -> Array:
    bent = np.matmul(curvature, moved[:, :, None])[:, :, 0]
    along = (moved * bent).sum(axis=1)
    across = (moved * change).sum(axis=1)
    norm = np.linalg.norm(moved, axis=1) * np.linalg.norm(change, axis=1)
    good = (across > 1e-10 * norm) & (along > 0)
    safe_along = np.where(good, along, 1.0)[:, None, None]
    safe_across = np.where(good, across, 1.0)[:, None, None]
    update = change[:, :, None] * change[:, None, :] / safe_across
    update -= bent[:, :, None] * bent[:, None, :] / safe_along
    return np.where(good[:, None, None], curvature + update, curvature)
