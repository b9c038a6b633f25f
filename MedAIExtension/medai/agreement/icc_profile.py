"""Interval of an ICC from the restricted likelihood around its fit.

Three things are unknown: the spread between units (and of over-dispersion), which many units tell,
and the variance between raters, of which few raters tell little. The first are described by the
likelihood's second derivatives on the scale of log σ, the second by the restricted likelihood of
the raters' estimated shifts, b̂ ~ N(β, V_rater I + C⁻¹), which is that of a χ² with raters − 1
degrees of freedom and far from a parabola. The interval holds the ICC of every point whose
likelihood is within half a χ² quantile of the highest. The quantile is multiplied by Bartlett's
factor for a variance of raters − 1 degrees of freedom (1.27 for two raters, 1.11 for four), so that
few raters are not taken for more than they are.

Source: Patterson and Thompson 1971, Biometrika 58(3), 545-554 (restricted likelihood); Bartlett
1937, Proc. R. Soc. A 160, 268-282.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, digamma

from medai.agreement.interval import Interval

Array = NDArray[np.float64]

_REACH_SDS = 3.6
_WIDEST_LOG = 3.0
_LOG_RATER = (-9.0, 7.0)
_POINTS = (25, 25, 49)
_ZOOMS = 3
_LEAST_INFORMATION = 0.05


@dataclass(frozen=True, eq=False)
class FitSurroundings:
    """What an interval needs to know of a fit.

    log_spread: (k,) log σ_unit, or log σ_unit and log σ_over. shifts: (raters,) β + r_j where the
    likelihood alone puts them. information: (raters, raters), of the shifts. cross: (raters, k).
    spread_information: (k, k), with the shifts at their best.
    """

    log_spread: Array
    shifts: Array
    information: Array
    cross: Array
    spread_information: Array


def unpenalized(shifts: Array, gradient: Array, information: Array) -> Array:
    """Where the likelihood alone would put the raters' shifts, one Newton step from their mode."""
    step = np.linalg.solve(_stable(information), gradient)
    return shifts + np.clip(step, -4.0, 4.0)


def icc_interval(near: FitSurroundings, variance_link: float, confidence: float) -> Interval:
    """The ICCs whose restricted likelihood is near the highest, V_link held."""
    raters = len(near.shifts)
    freedom = raters - 1.0
    bartlett = freedom * (np.log(freedom / 2.0) - float(digamma(freedom / 2.0)))
    drop = 0.5 * bartlett * float(chdtri(1, 1.0 - confidence))
    covariance = np.linalg.inv(_stable(near.information))
    contrasts = np.linalg.qr(np.column_stack([np.ones(raters), np.eye(raters)[:, 1:]]))[0][:, 1:]
    noise, turn = np.linalg.eigh(contrasts.T @ covariance @ contrasts)
    basis = contrasts @ turn
    place = basis.T @ near.shifts
    drift = -basis.T @ covariance @ near.cross
    information = _floored(near.spread_information)
    sd = np.minimum(np.sqrt(np.diag(np.linalg.inv(information))), _WIDEST_LOG)
    k = len(near.log_spread)
    low = np.concatenate([-_REACH_SDS * sd, _LOG_RATER[:1]])
    high = np.concatenate([_REACH_SDS * sd, _LOG_RATER[1:]])
    ends = (np.inf, -np.inf)
    for _ in range(_ZOOMS):
        axes = [np.linspace(low[j], high[j], _POINTS[j]) for j in range(k)]
        axes.append(np.linspace(low[k], high[k], _POINTS[2]))
        grid = np.meshgrid(*axes, indexing="ij")
        moved = np.stack([part.ravel() for part in grid[:k]])
        rater = np.exp(grid[k].ravel())
        value = -0.5 * np.einsum("in,ij,jn->n", moved, information, moved)
        for direction in range(raters - 1):
            total = rater + noise[direction]
            shift = place[direction] + drift[direction] @ moved
            value -= 0.5 * (np.log(total) + shift**2 / total)
        allowed = value >= value.max() - drop
        variances = np.exp(2.0 * (near.log_spread[:, None] + moved))
        icc = variances[0] / (variances.sum(axis=0) + rater + variance_link)
        ends = (float(icc[allowed].min()), float(icc[allowed].max()))
        for j, axis in enumerate(axes):
            inside = grid[j].ravel()[allowed]
            cell = axis[1] - axis[0]
            low[j] = max(low[j], inside.min() - cell)
            high[j] = min(high[j], inside.max() + cell)
    return Interval(*ends, confidence, 0)


def _stable(information: Array) -> Array:
    # A rater who marked nothing (or everything) is told by the likelihood to be infinitely so.
    return information + _LEAST_INFORMATION * np.eye(len(information))


def _floored(information: Array) -> Array:
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    return (vectors * np.maximum(values, 1.0 / _WIDEST_LOG**2)) @ vectors.T
