"""The highest exact likelihood of the area model, raters' effects integrated by Laplace.

Cell and observation effects are integrated without approximation (``area_likelihood``), and the
search is that of pixels (``crossed_search``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.agreement.area_likelihood import OVER_OFFSET, AreaLikelihood
from medai.agreement.crossed_reml import crossed_reml
from medai.agreement.crossed_search import CrossedFit, search
from medai.agreement.icc_profile import FitSurroundings, unpenalized

Array = NDArray[np.float64]

_LEAST_START, _LEAST_OVER, _MOST_START = 0.5, 0.3, 8.0
_LOWER = np.array([-4.0, np.log(OVER_OFFSET)])
_UPPER = np.array([4.6, 9.2])
# A σ_unit below this is tried at exactly zero.
_NEARLY_ZERO = 0.3
_SHIFT_STEPS = 4
_LONGEST_SHIFT = 2.0
_LEAST_LOG = -5.0
_RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class AreaFit:
    """Standard deviations on the logit scale, and what an interval needs to know.

    log_likelihood: without binomial coefficients.
    """

    sd_unit: float
    sd_rater: float
    sd_over: float
    intercept: float
    log_likelihood: float
    surroundings: FitSurroundings


def fit_areas(
    marked: Array, units: Array, counts: Array, start: tuple[float, float, float] | None = None
) -> AreaFit:
    """Fit one image's cells.

    marked: (cells, raters). units: (cells,). counts: (cells,), equal cells a row stands for.
    start: σ_unit, σ_over and the mean to begin with; by default moments of the empirical logits.
    """
    likelihood = AreaLikelihood(marked, units, counts)
    if start is None:
        sd_unit, sd_over, shift = _start(likelihood, marked, units, counts)
    else:
        sd_unit, sd_over = max(start[0], _LEAST_START), max(start[1], _LEAST_OVER)
        shift = np.full(marked.shape[1], start[2])

    def climb(shifts: Array, spread: Array) -> CrossedFit:
        return search(likelihood, shifts, spread, (_LOWER, _UPPER))

    found = climb(shift[None], np.array([[np.log(sd_unit), _log_scale(sd_over)]]))
    # Zero is a point of its own, out of reach of a search over logarithms.
    if found.spread[0, 0] < np.log(_NEARLY_ZERO):
        without = climb(found.shifts, np.array([[-np.inf, found.spread[0, 1]]]))
        if without.value[0] >= found.value[0] - 1e-7:
            found = without
    over = float(np.exp(found.spread[0, 1])) - OVER_OFFSET
    return AreaFit(
        float(np.exp(found.spread[0, 0])),
        float(np.sqrt(found.variance[0])),
        float(np.sqrt(over)) if found.spread[0, 1] > _LOWER[1] else 0.0,
        float(found.mean[0]),
        float(found.value[0]),
        _surroundings(found),
    )


def _log_scale(sd_over: float) -> float:
    return float(np.log(sd_over**2 + OVER_OFFSET))


def _surroundings(found: CrossedFit) -> FitSurroundings:
    n = found.shifts.shape[1]
    full, logs = found.point.information[0].copy(), found.spread[0].copy()
    gradient = found.point.gradient[0]
    kept = [n]
    if logs[1] > _LOWER[1]:
        # From log (V + offset) to log σ.
        kept.append(n + 1)
        scale = np.exp(logs[1])
        rate = 2.0 * (scale - OVER_OFFSET) / scale
        full[n + 1] *= rate
        full[:, n + 1] *= rate
        full[n + 1, n + 1] -= gradient[n + 1] * rate * 2.0 * OVER_OFFSET / scale
        logs[1] = 0.5 * np.log(scale - OVER_OFFSET)
    information, cross = full[:n, :n], full[:n, kept]
    spread = full[np.ix_(kept, kept)]
    spread = spread - cross.T @ np.linalg.solve(information + _RIDGE * np.eye(n), cross)
    logs = np.maximum(logs[[place - n for place in kept]], _LEAST_LOG)
    return FitSurroundings(
        logs, unpenalized(found.shifts[0], gradient[:n], information), information, cross, spread
    )


def _start(
    likelihood: AreaLikelihood, marked: Array, units: Array, counts: Array
) -> tuple[float, float, Array]:
    """σ_unit, σ_over and the raters' shifts: moments of the empirical logits."""
    k, m = marked + 0.5, units[:, None] + 1.0
    logits = np.log(k) - np.log(m - k)
    repeated = np.repeat(logits, counts.astype(int), axis=0)
    found = crossed_reml(repeated[None])
    sd_unit = float(np.clip(np.sqrt(found.row[0]), _LEAST_START, _MOST_START))
    sd_over = float(np.clip(_over_of_mixed_cells(logits, marked, units), _LEAST_OVER, _MOST_START))
    shift, n = repeated.mean(axis=0), marked.shape[1]
    spread = np.array([[np.log(sd_unit), _log_scale(sd_over)]])
    for _ in range(_SHIFT_STEPS):
        point = likelihood.at(shift[None], spread)
        system = point.information[0, :n, :n] + 1e-3 * np.eye(n)
        step = np.linalg.solve(system, point.gradient[0, :n] - 1e-3 * (shift - shift.mean()))
        shift = shift + np.clip(step, -_LONGEST_SHIFT, _LONGEST_SHIFT)
        if np.abs(step).max() < 0.3:
            break
    return sd_unit, sd_over, shift


def _over_of_mixed_cells(logits: Array, marked: Array, units: Array) -> float:
    """Standard deviation of raters' logits within the cells that some rater marked in part.

    Cells that all raters left empty or filled say nothing of over-dispersion.
    """
    mixed = ((marked > 0) & (marked < units[:, None])).any(axis=1)
    if not mixed.any():
        return 1.0
    return float(np.sqrt(logits[mixed].var(axis=1, ddof=1).mean()))
