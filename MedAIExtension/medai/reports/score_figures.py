"""The figures of an analysis of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medai.agreement.scores import ALL_ITEMS, ScoresResult
from medai.palette import BLACK, BLUE, BLUISH_GREEN, VERMILLION, hex_color
from medai.reports.charts import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_PAIRS = 6
_KINDS = (
    ("alpha", "", "alpha", BLACK, "o"),
    ("conger", "quadratic", "Conger, quadratic", BLUE, "s"),
    ("gwet", "quadratic", "Gwet AC2, quadratic", BLUISH_GREEN, "^"),
    ("conger", "identity", "Conger, unweighted", VERMILLION, "D"),
)


def score_figures(result: ScoresResult) -> list[tuple[str, str, Figure]]:
    """(file name, caption, figure): coefficients of each item, and limits of the first pairs."""
    made = [
        (
            "coefficients",
            "Coefficients of each item with 95 % intervals.",
            coefficients_figure(result),
        )
    ]
    pairs = [row for row in result.limits_rows if row["item"] == ALL_ITEMS][:_MOST_PAIRS]
    made += [
        (
            f"limits_{number}",
            f"{row['second']} − {row['first']} against their mean; a larger dot is more images. "
            "Lines: mean and limits of agreement, with 95 % intervals.",
            limits_figure(result, row),
        )
        for number, row in enumerate(pairs, start=1)
    ]
    return made


def coefficients_figure(result: ScoresResult) -> Figure:
    """A line an item: alpha and, for categories, kappas, each with its interval."""
    items = list(dict.fromkeys(row["item"] for row in result.coefficient_rows))
    kinds = [kind for kind in _KINDS if any(result.coefficient(item, *kind[:2]) for item in items)]
    figure, axes = new_figure(height_in=1.2 + (0.22 + 0.16 * len(kinds)) * len(items))
    lowest = 0.0
    for place, (name, weights, label, color, mark) in enumerate(kinds):
        rows = [result.coefficient(item, name, weights) for item in items]
        shift = (place - (len(kinds) - 1) / 2) * 0.7 / len(kinds)
        values = np.array([row["value"] if row else np.nan for row in rows])
        ends = np.array([[row["low"], row["high"]] if row else [np.nan] * 2 for row in rows])
        axes.errorbar(
            values,
            np.arange(len(items)) + shift,
            xerr=np.stack([values - ends[:, 0], ends[:, 1] - values]),
            fmt=mark,
            markersize=5,
            capsize=2,
            color=hex_color(color),
            label=label,
        )
        lowest = min([lowest, *ends[np.isfinite(ends)], *values[np.isfinite(values)]])
    axes.set_yticks(range(len(items)), items)
    axes.set_ylim(len(items) - 0.5, -0.5)
    axes.set_xlim(max(lowest - 0.03, -1.05) if lowest < 0 else -0.02, 1.02)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("coefficient with 95 % interval")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def limits_figure(result: ScoresResult, row: dict[str, Any]) -> Figure:
    """Differences of two raters against their mean, with the limits of agreement."""
    table = result.table
    a, b = table.raters.index(row["first"]), table.raters.index(row["second"])
    mean, difference = (table.values[a] + table.values[b]) / 2, table.values[b] - table.values[a]
    points, sizes = np.unique(
        np.stack([mean, difference])[:, np.isfinite(difference)], axis=1, return_counts=True
    )
    figure, axes = new_figure()
    # Areas grow with the counts; the largest dot keeps clear of its neighbors.
    area = 10 + 190 * sizes / max(int(sizes.max()), 12)
    axes.scatter(points[0], points[1], s=area, alpha=0.6, color=hex_color(BLUE), linewidths=0)
    for key, style in (("difference", "-"), ("lower_limit", "--"), ("upper_limit", "--")):
        axes.axhline(row[key], linestyle=style, color=hex_color(BLACK), linewidth=1)
    for key in ("lower_limit", "upper_limit"):
        axes.axhspan(
            row[f"{key}_low"], row[f"{key}_high"], color=hex_color(BLACK), alpha=0.1, linewidth=0
        )
    # Room for whole dots at both ends, which margins by the centers alone would cut.
    axes.margins(x=0.09, y=0.09)
    axes.set(
        xlabel=f"mean of {row['first']} and {row['second']}",
        ylabel=f"{row['second']} − {row['first']}",
    )
    return figure
