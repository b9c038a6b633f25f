"""What agreement depends on: a Gaussian linear model with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from medai.errors import RatingError

INTERCEPT = "(intercept)"


@dataclass(frozen=True)
class Coefficient:
    """One term of the model: effect per unit of a number, or against the reference category."""

    term: str
    coefficient: float
    standard_error: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Regression:
    """coefficients with the intercept first; rows used; terms that could not be estimated."""

    coefficients: tuple[Coefficient, ...]
    rows: int
    residual_df: int
    r_squared: float
    left_out: tuple[str, ...]


def linear_model(
    outcome: ArrayLike,
    covariates: Mapping[str, Sequence[float | str]],
    confidence: float = 0.95,
) -> Regression:
    """Ordinary least squares of ``outcome`` on numbers and categories, all at once.

    outcome: (rows,), nan left out. covariates: name to (rows,) numbers, or words as categories;
    the first category in the alphabet is the reference. Rows with a gap (nan, "") are left out, as
    are terms that are constant or that others already determine (``left_out``).
    Raises RatingError when no residual degree of freedom remains.

    >>> model = linear_model([1.0, 2.1, 2.9, 4.0], {"dose": [0, 1, 2, 3]})
    >>> [(c.term, round(c.coefficient, 2)) for c in model.coefficients]
    [('(intercept)', 1.03), ('dose', 0.98)]
    """
    y = np.asarray(outcome, dtype=np.float64)
    columns, names = [np.ones(len(y))], [INTERCEPT]
    usable = np.isfinite(y)
    for name, values in covariates.items():
        if len(values) != len(y):
            raise RatingError(f"{name}: {len(values)} values for {len(y)} rows.")
        usable &= _present(values)
    for name, values in covariates.items():
        for term, column in _terms(name, values, usable):
            names.append(term)
            columns.append(column)
    design, y = np.stack(columns, axis=1)[usable], y[usable]
    kept: list[int] = []
    for place in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*kept, place]]) > len(kept):
            kept.append(place)
    left_out = tuple(names[k] for k in range(len(names)) if k not in kept)
    design, names = design[:, kept], [names[k] for k in kept]
    df = len(y) - len(kept)
    if df < 1:
        raise RatingError(f"{len(y)} complete rows for {len(kept)} terms: expected more rows.")
    scale = np.linalg.norm(design, axis=0)
    inverse = np.linalg.inv((design / scale).T @ (design / scale)) / np.outer(scale, scale)
    beta = inverse @ design.T @ y
    residual = y - design @ beta
    error = np.sqrt(np.maximum(np.diag(inverse), 0.0) * (residual @ residual) / df)
    half = float(stdtrit(df, 0.5 + confidence / 2.0)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2.0 * stdtr(df, -np.abs(beta / error))
    spread = float(((y - y.mean()) ** 2).sum())
    return Regression(
        tuple(
            Coefficient(*row)
            for row in zip(
                names,
                beta.tolist(),
                error.tolist(),
                (beta - half).tolist(),
                (beta + half).tolist(),
                p.tolist(),
                strict=True,
            )
        ),
        len(y),
        df,
        1.0 - float(residual @ residual) / spread if spread else float("nan"),
        left_out,
    )


def _present(values: Sequence[float | str]) -> NDArray[np.bool_]:
    return np.array(
        [bool(v.strip()) if isinstance(v, str) else bool(np.isfinite(v)) for v in values]
    )


def _terms(
    name: str, values: Sequence[float | str], usable: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.float64]]]:
    if not any(isinstance(value, str) for value in values):
        numbers = np.asarray(values, dtype=np.float64)
        return [(name, np.where(np.isfinite(numbers), numbers, 0.0))]
    words = [str(value).strip() for value in values]
    categories = sorted({word for word, used in zip(words, usable, strict=True) if used})
    return [
        (f"{name}: {category}", np.array([word == category for word in words], dtype=np.float64))
        for category in categories[1:]
    ]
