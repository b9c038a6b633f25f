"""Intraclass correlations of scores: classical where none is missing, else by a mixed model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.agreement.classical_icc import classical_icc
from medai.agreement.crossed_reml import CrossedVariances, crossed_reml, simulate_crossed
from medai.agreement.interval import percentile_interval

Array = NDArray[np.float64]

_RESAMPLES = 500


def score_iccs(values: Array, seed: int = 0) -> list[dict[str, Any]]:
    """Rows kind, icc, low, high, units of a table of scores.

    values: (raters, units), nan where missing. ICC1 to ICC3k after Shrout and Fleiss where every
    score is there; else agreement V_unit / (V_unit + V_rater + V_residual) and consistency, without
    V_rater, of one rater and of the mean of all, by REML, with 95 % intervals from 500 parametric
    bootstrap resamples (seed). Empty with fewer than two units of two scores. nan where no score
    differs.
    """
    seen = np.isfinite(values)
    units = int((seen.sum(axis=0) >= 2).sum())
    if units < 2:
        return []
    if seen.all():
        return [
            {"kind": row.kind, "icc": row.icc, "low": row.low, "high": row.high, "units": units}
            for row in classical_icc(values.T)
        ]
    table = values[:, seen.any(axis=0)].T
    fit = crossed_reml(table[None])
    drawn = crossed_reml(simulate_crossed(fit, np.isfinite(table), _RESAMPLES, seed))
    resampled = _ratios(drawn, len(values))
    rows = []
    for kind, found in _ratios(fit, len(values)).items():
        interval = percentile_interval(resampled[kind])
        rows.append(
            {
                "kind": f"{kind} (REML)",
                "icc": float(found[0]),
                "low": interval.low,
                "high": interval.high,
                "units": units,
            }
        )
    return rows


def _ratios(fit: CrossedVariances, raters: int) -> dict[str, Array]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "agreement": fit.row / (fit.row + fit.column + fit.residual),
            "consistency": fit.row / (fit.row + fit.residual),
            "agreement, mean of all raters": (
                fit.row / (fit.row + (fit.column + fit.residual) / raters)
            ),
            "consistency, mean of all raters": fit.row / (fit.row + fit.residual / raters),
        }
