"""Tables over the images of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from medai.agreement.cohort_image import ImageSummary
from medai.agreement.correlation import pearson
from medai.agreement.icc_estimate import EXCELLENT_ABOVE, POOR_BELOW
from medai.agreement.regression import INTERCEPT, linear_model
from medai.errors import RatingError

Array = NDArray[np.float64]
Row = dict[str, Any]

_NAN = float("nan")
_NOT_SUMMARIZED = ("roi_units", "pixel_icc_low", "pixel_icc_high")


def column(images: Sequence[ImageSummary], measure: str) -> Array:
    """One measure of every image, nan where it has none."""
    return np.array([image.values.get(measure, _NAN) for image in images], dtype=np.float64)


def summary_table(
    images: Sequence[ImageSummary], included: Sequence[ImageSummary], agreement: Sequence[str]
) -> tuple[Row, ...]:
    """Mean, standard error, 95 % interval and shares of each measure.

    Agreement measures over the included images, the others over all.
    """
    measures = [*agreement]
    for image in images:
        measures += [name for name in image.values if name not in measures]
    rows = []
    for measure in measures:
        if measure in _NOT_SUMMARIZED or measure.startswith("variance_"):
            continue
        values = column(included if measure in agreement else images, measure)
        values = values[np.isfinite(values)]
        is_icc = "icc" in measure
        rows.append(
            {
                "measure": measure,
                **_mean_row(values),
                "poor_share": float((values < POOR_BELOW).mean())
                if is_icc and values.size
                else _NAN,
                "excellent_share": float((values > EXCELLENT_ABOVE).mean())
                if is_icc and values.size
                else _NAN,
            }
        )
    return tuple(rows)


def _mean_row(values: Array) -> Row:
    n = len(values)
    mean = float(values.mean()) if n else _NAN
    sd = float(values.std(ddof=1)) if n > 1 else _NAN
    se = sd / np.sqrt(n) if n > 1 else _NAN
    half = float(stdtrit(n - 1, 0.975)) * se if n > 1 else _NAN
    return {
        "images": n,
        "mean": mean,
        "sd": sd,
        "se": float(se),
        "median": float(np.median(values)) if n else _NAN,
        "low": float(mean - half),
        "high": float(mean + half),
    }


def correlation_table(images: Sequence[ImageSummary], measures: Sequence[str]) -> tuple[Row, ...]:
    """Pearson's r of every pair of measures with its 95 % interval."""
    rows = []
    for first, second in combinations(measures, 2):
        found = pearson(column(images, first), column(images, second))
        rows.append(
            {
                "first": first,
                "second": second,
                "r": found.r,
                "low": found.low,
                "high": found.high,
                "images": found.pairs,
            }
        )
    return tuple(rows)


def leave_one_out_table(images: Sequence[ImageSummary], raters: Sequence[str]) -> tuple[Row, ...]:
    """Mean pixel ICC with and without each rater, and the paired difference with its interval."""
    rows = []
    for rater in raters:
        pairs = [
            (image.values["pixel_icc"], values["pixel_icc_without"])
            for image in images
            for name, values in zip(image.all_raters, image.rater_values, strict=True)
            if name == rater and "pixel_icc_without" in values
        ]
        table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        table = table[np.isfinite(table).all(axis=1)]
        if not len(table):
            continue
        difference = _mean_row(table[:, 1] - table[:, 0])
        rows.append(
            {
                "rater": rater,
                "images": len(table),
                "mean_with": float(table[:, 0].mean()),
                "mean_without": float(table[:, 1].mean()),
                "se_without": _mean_row(table[:, 1])["se"],
                "difference": difference["mean"],
                "low": difference["low"],
                "high": difference["high"],
            }
        )
    return tuple(rows)


def confounder_table(
    images: Sequence[ImageSummary], measures: Sequence[str], names: Sequence[str] | None
) -> tuple[tuple[Row, ...], list[str]]:
    """Gaussian linear model of each measure on all covariates at once, with what went wrong."""
    if names is None:
        names = list(dict.fromkeys(name for image in images for name in image.covariates))
    rows: list[Row] = []
    notes: list[str] = []
    if not names:
        return (), notes
    covariates = {name: _covariate(images, name) for name in names}
    for measure in measures:
        try:
            model = linear_model(column(images, measure), covariates)
        except RatingError as error:
            notes.append(f"No confounder model of {measure}: {error}")
            continue
        if model.left_out:
            left = ", ".join(model.left_out)
            text = (
                f"Left out of the confounder model, being constant or determined by others: {left}."
            )
            if text not in notes:
                notes.append(text)
        rows += [
            {
                "measure": measure,
                "term": term.term,
                "coefficient": term.coefficient,
                "standard_error": term.standard_error,
                "low": term.low,
                "high": term.high,
                "p": term.p,
                "images": model.rows,
            }
            for term in model.coefficients
        ]
    _add_holm(rows)
    return tuple(rows), notes


def _add_holm(rows: list[Row]) -> None:
    """Put Holm's adjusted p beside each p (Holm 1979, Scand. J. Stat. 6(2)), intercepts aside."""
    tested = [row for row in rows if row["term"] != INTERCEPT and np.isfinite(row["p"])]
    for row in rows:
        row["p_holm"] = _NAN
    highest = 0.0
    for rank, row in enumerate(sorted(tested, key=lambda row: float(row["p"]))):
        highest = max(highest, min(1.0, row["p"] * (len(tested) - rank)))
        row["p_holm"] = highest


def _covariate(images: Sequence[ImageSummary], name: str) -> list[float | str]:
    values = [image.covariates.get(name) for image in images]
    worded = any(isinstance(value, str) for value in values)
    if worded:
        return ["" if value is None else str(value) for value in values]
    return [_NAN if value is None else float(value) for value in values]
