"""The six classical intraclass correlations of a continuous measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtrc, fdtri

from medai.errors import RatingError


@dataclass(frozen=True)
class ClassicalIcc:
    """One row of the table: the coefficient, its F test and its interval."""

    kind: str
    icc: float
    f: float
    df1: int
    df2: int
    p: float
    low: float
    high: float


def classical_icc(measures: ArrayLike, confidence: float = 0.95) -> tuple[ClassicalIcc, ...]:
    """ICC1, ICC2, ICC3 and, for the mean of all raters, ICC1k, ICC2k, ICC3k.

    measures: (targets, raters), complete.
    ICC1: each target by other raters; ICC2: the same raters, drawn from many, absolute agreement;
    ICC3: these raters alone, consistency. F tests ICC = 0. ``low``, ``high`` at ``confidence``.
    Reading: < 0.5 poor, > 0.9 excellent (Koo and Li 2016).
    Raises RatingError on gaps, or fewer than 2 targets or raters. Measures without any variance
    give nan.
    Source: Shrout and Fleiss 1979, Psychol. Bull. 86(2), 420-428; intervals McGraw and Wong 1996,
    Psychol. Methods 1(1), table 7.

    >>> table = classical_icc([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6],
    ...                        [10, 5, 6, 9], [6, 2, 4, 7]])
    >>> [(row.kind, round(row.icc, 2)) for row in table[:3]]
    [('ICC1', 0.17), ('ICC2', 0.29), ('ICC3', 0.71)]
    """
    x = np.asarray(measures, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise RatingError(
            f"Measures of shape {x.shape}: expected (targets, raters), at least 2 of each."
        )
    if not np.isfinite(x).all():
        raise RatingError("Measures with gaps: the classical ICCs need every rater's every value.")
    n, k = x.shape
    mean = x.mean()
    row = k * ((x.mean(axis=1) - mean) ** 2).sum()
    column = n * ((x.mean(axis=0) - mean) ** 2).sum()
    total = ((x - mean) ** 2).sum()
    msb = row / (n - 1)
    msw = (total - row) / (n * (k - 1))
    msj = column / (k - 1)
    mse = max(total - row - column, 0.0) / ((n - 1) * (k - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return _table(n, k, msb, msw, msj, mse, 1.0 - (1.0 - confidence) / 2.0)


def _table(
    n: int, k: int, msb: float, msw: float, msj: float, mse: float, upper: float
) -> tuple[ClassicalIcc, ...]:
    msb, msw, msj, mse = (np.float64(value) for value in (msb, msw, msj, mse))
    df1, df_within, df_error = n - 1, n * (k - 1), (n - 1) * (k - 1)
    f1, f3 = msb / msw, msb / mse
    icc1 = (msb - msw) / (msb + (k - 1) * msw)
    icc2 = (msb - mse) / (msb + (k - 1) * mse + k * (msj - mse) / n)
    icc3 = (msb - mse) / (msb + (k - 1) * mse)
    f1_low = f1 / fdtri(df1, df_within, upper)
    f1_high = f1 * fdtri(df_within, df1, upper)
    f3_low = f3 / fdtri(df1, df_error, upper)
    f3_high = f3 * fdtri(df_error, df1, upper)
    # Satterthwaite's degrees of freedom for ICC2.
    fj = msj / mse
    spread = n * (1 + (k - 1) * icc2) - k * icc2
    df = ((k - 1) * (n - 1) * (k * icc2 * fj + spread) ** 2) / (
        (n - 1) * k**2 * icc2**2 * fj**2 + spread**2
    )
    f_high = fdtri(df1, df, upper)
    f_low = fdtri(df, df1, upper)
    low2 = n * (msb - f_high * mse) / (f_high * (k * msj + (k * n - k - n) * mse) + n * msb)
    high2 = n * (f_low * msb - mse) / (k * msj + (k * n - k - n) * mse + n * f_low * msb)

    def averaged(single: float) -> float:
        return single * k / (1 + single * (k - 1))

    rows = [
        (
            "ICC1",
            icc1,
            f1,
            df_within,
            (f1_low - 1) / (f1_low + k - 1),
            (f1_high - 1) / (f1_high + k - 1),
        ),
        ("ICC2", icc2, f3, df_error, low2, high2),
        (
            "ICC3",
            icc3,
            f3,
            df_error,
            (f3_low - 1) / (f3_low + k - 1),
            (f3_high - 1) / (f3_high + k - 1),
        ),
        ("ICC1k", (msb - msw) / msb, f1, df_within, 1 - 1 / f1_low, 1 - 1 / f1_high),
        (
            "ICC2k",
            (msb - mse) / (msb + (msj - mse) / n),
            f3,
            df_error,
            averaged(low2),
            averaged(high2),
        ),
        ("ICC3k", (msb - mse) / msb, f3, df_error, 1 - 1 / f3_low, 1 - 1 / f3_high),
    ]
    return tuple(
        ClassicalIcc(
            kind,
            float(icc),
            float(f),
            df1,
            df2,
            float(fdtrc(df1, df2, f)),
            float(low),
            float(high),
        )
        for kind, icc, f, df2, low, high in rows
    )
