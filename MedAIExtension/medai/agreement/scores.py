"""Agreement on scores: each item and all together, with standard errors and intervals.

Standard errors are jackknifed over images: all items of an image are left out together, so that
scores of one image need not be independent (Efron and Tibshirani 1993, chapter 11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from medai.agreement.alpha import Level, krippendorff_alpha
from medai.agreement.crossed_reml import crossed_reml
from medai.agreement.kappa import Weights
from medai.agreement.score_icc import score_iccs
from medai.agreement.weighted_kappa import weighted_kappas
from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import RatingError
from medai.progress import Progress, ProgressCallback, ignore_progress

Array = NDArray[np.float64]
Row = dict[str, Any]

ALL_ITEMS = "all"
# Of more, kappas are not computed.
MOST_CATEGORIES = 100
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """values: (raters, units) of scores, nan where missing. images, items: (units,), what each unit
    is. repeats: (raters, units) of second scores of the same, for agreement with oneself.
    categories: all scores that may be given, in order; () for measurements.
    """

    values: Array
    raters: tuple[str, ...]
    images: tuple[str, ...]
    items: tuple[str, ...]
    repeats: Array
    categories: tuple[float, ...]
    level: Level


@dataclass(frozen=True, eq=False)
class ScoresResult:
    """Rows for tables; see ``score_agreement``."""

    table: ScoreTable
    coefficient_rows: tuple[Row, ...]
    icc_rows: tuple[Row, ...]
    limits_rows: tuple[Row, ...]
    repeat_rows: tuple[Row, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: scores that are missing."""
        seen = np.isfinite(self.table.values)
        missing, alone = int((~seen).sum()), int((seen.sum(axis=0) < 2).sum())
        notes = [f"{missing} of {seen.size} scores are missing."] if missing else []
        if self.table.level in LEVELS[:2] and not self.table.categories:
            notes.append(f"More than {MOST_CATEGORIES} different scores: alpha alone is computed.")
        if alone:
            notes.append(
                f"{alone} of {seen.shape[1]} images and items have fewer than two scores: they say "
                "nothing of agreement."
            )
        return tuple(notes)

    def coefficient(self, item: str, name: str, weights: str = "") -> Row | None:
        """One row of the coefficients."""
        for row in self.coefficient_rows:
            if (row["item"], row["coefficient"], row["weights"]) == (item, name, weights):
                return row
        return None

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        row = self.coefficient(ALL_ITEMS, "alpha")
        number = len(set(self.table.images))
        who = f"{len(self.table.raters)} raters, {number} image{'s' if number != 1 else ''}"
        if row is None or not np.isfinite(row["value"]):
            return f"Agreement on the scores could not be measured ({who})."
        interval = f" ({row['low']:.2f}–{row['high']:.2f})" if np.isfinite(row["low"]) else ""
        return (
            f"Agreement on the scores: Krippendorff's {self.table.level} alpha "
            f"{row['value']:.2f}{interval}; {who}."
        )


def score_agreement(
    table: ScoreTable,
    *,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> ScoresResult:
    """Every coefficient of each item, and of all together.

    coefficient_rows: item, coefficient, weights, value, se, low, high, units, raters: alpha at the
        table's level; for nominal and ordinal scores Fleiss, Conger, Brennan–Prediger, Gwet's AC1
        (AC2 with weights), Cohen or Light, unweighted and for ordinal ones with linear and
        quadratic weights.
    icc_rows (not for nominal scores): item, kind, icc, low, high, units: see ``score_iccs``.
    limits_rows (not for nominal scores): item, first, second, units, mean difference, sd, limits
        of agreement with 95 % intervals; sem, the standard error of measurement
        √(V_rater + V_residual) over all raters, and the minimal detectable change 1.96 √2 sem.
    repeat_rows: rater, units, alpha of a rater's first and second scores.
    progress: called with the share done and what is happening; cancelled: asked between items.
    Raises RatingError on fewer than 2 raters, no unit with two scores, or a score outside the
    categories.
    Source: Bland and Altman 1999, Stat. Methods Med. Res. 8(2), 135-160; de Vet et al. 2006, J.
    Clin. Epidemiol. 59(10), 1033-1039.
    """
    if table.level not in LEVELS:
        raise RatingError(f"Level {table.level!r}: expected one of {', '.join(LEVELS)}.")
    items = list(dict.fromkeys(table.items))
    groups = [(item, np.array([one == item for one in table.items])) for item in items]
    if len(items) > 1:
        groups.append((ALL_ITEMS, np.ones(len(table.items), dtype=bool)))
    else:
        groups = [(ALL_ITEMS, groups[0][1])]
    coefficients: list[Row] = []
    iccs: list[Row] = []
    limits: list[Row] = []
    images = np.array(table.images)
    for number, (item, chosen) in enumerate(groups):
        raise_if_cancelled(cancelled)
        progress(Progress(number / len(groups), f"Comparing the scores of {item}"))
        values = table.values[:, chosen]
        coefficients += _coefficients(item, values, images[chosen], table)
        if table.level != "nominal":
            iccs += [{"item": item, **row} for row in score_iccs(values)]
            limits += _limits(item, values, table.raters)
    return ScoresResult(
        table, tuple(coefficients), tuple(iccs), tuple(limits), tuple(_repeats(table))
    )


def _coefficients(item: str, values: Array, images: NDArray, table: ScoreTable) -> list[Row]:
    measures: list[tuple[tuple[str, ...], str, Callable[[Array], list[float]]]] = [
        (("alpha",), "", lambda part: [krippendorff_alpha(part, table.level)])
    ]
    if table.categories:
        kinds: tuple[Weights, ...] = ("identity", "linear", "quadratic")
        for kind in kinds if table.level != "nominal" else kinds[:1]:
            names = tuple(weighted_kappas(values, table.categories, kind))
            measures.append((names, kind, _kappas(table.categories, kind)))
    rows = []
    units = int((np.isfinite(values).sum(axis=0) >= 2).sum())
    for names, weights, measure in measures:
        estimates, errors = _jackknife(measure, values, images)
        for name, value, se in zip(names, estimates, errors, strict=True):
            freedom = len(set(images.tolist())) - 1
            half = float(stdtrit(freedom, 0.975)) * se if freedom > 0 else float("nan")
            rows.append(
                {
                    "item": item,
                    "coefficient": name,
                    "weights": weights,
                    "value": value,
                    "se": se,
                    "low": value - half,
                    "high": min(value + half, 1.0),
                    "units": units,
                    "raters": len(values),
                }
            )
    return rows


def _kappas(categories: Sequence[float], weights: Weights) -> Callable[[Array], list[float]]:
    return lambda part: list(weighted_kappas(part, categories, weights).values())


def _jackknife(
    measure: Callable[[Array], list[float]], values: Array, images: NDArray
) -> tuple[list[float], list[float]]:
    whole = measure(values)
    found = []
    for image in dict.fromkeys(images.tolist()):
        try:
            found.append(measure(values[:, images != image]))
        except RatingError:
            continue
    if len(found) < 2:
        return whole, [float("nan")] * len(whole)
    spread = np.array(found)
    n = len(spread)
    squares = ((spread - spread.mean(axis=0)) ** 2).sum(axis=0)
    return whole, np.sqrt((n - 1.0) / n * squares).tolist()


def _limits(item: str, values: Array, raters: Sequence[str]) -> list[Row]:
    fit = crossed_reml(values[:, np.isfinite(values).any(axis=0)].T[None])
    sem = float(np.sqrt(fit.column[0] + fit.residual[0]))
    rows = []
    for a, b in combinations(range(len(values)), 2):
        difference = values[b] - values[a]
        difference = difference[np.isfinite(difference)]
        n = difference.size
        if n < 2:
            continue
        mean, sd = float(difference.mean()), float(difference.std(ddof=1))
        t = float(stdtrit(n - 1, 0.975))
        of_limit = t * sd * float(np.sqrt(1.0 / n + 1.96**2 / (2.0 * (n - 1))))
        low, high = mean - 1.96 * sd, mean + 1.96 * sd
        rows.append(
            {
                "item": item,
                "first": raters[a],
                "second": raters[b],
                "units": n,
                "difference": mean,
                "difference_low": mean - t * sd / float(np.sqrt(n)),
                "difference_high": mean + t * sd / float(np.sqrt(n)),
                "sd": sd,
                "lower_limit": low,
                "lower_limit_low": low - of_limit,
                "lower_limit_high": low + of_limit,
                "upper_limit": high,
                "upper_limit_low": high - of_limit,
                "upper_limit_high": high + of_limit,
                "sem": sem,
                "minimal_detectable_change": 1.96 * float(np.sqrt(2.0)) * sem,
            }
        )
    return rows


def _repeats(table: ScoreTable) -> list[Row]:
    rows = []
    for rater, first, second in zip(table.raters, table.values, table.repeats, strict=True):
        units = int((np.isfinite(first) & np.isfinite(second)).sum())
        if units:
            alpha = krippendorff_alpha(np.stack([first, second]), table.level)
            rows.append({"rater": rater, "units": units, "alpha": alpha})
    return rows
