"""The figures of an agreement analysis."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np

from medai.agreement.cohort import CohortResult
from medai.agreement.naive_difference import naive_differences
from medai.palette import BLACK, BLUE, BLUISH_GREEN, ORANGE, VERMILLION, hex_color
from medai.reports.agreement_sections import differences_figure
from medai.reports.charts import mean_with_error, new_figure
from medai.reports.measure_names import agreement_measures, measure_label
from medai.reports.pair_plot import pair_values, pairs_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERFORMANCE = ("accuracy", "iou", "tpr", "ppv", "f1", "specificity", "mcc")
_PANELS_A_ROW = 3
# Of fewer images pairs of measures show nothing.
_LEAST_PAIRED = 5
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


def figures(result: CohortResult) -> list[tuple[str, str, Figure]]:
    """(file name, caption, figure) of everything that the result has numbers for."""
    made = []
    row = result.summary("pixel_icc")
    if row is not None and row["images"]:
        made += [
            ("agreement", "Mean ± SE over images of each measure.", means_figure(result)),
            ("images", "Pixel ICC of every image, worst first.", images_figure(result)),
        ]
    made.append(
        (
            "performance",
            "Each rater against the majority of the others, and a naive rater who marks "
            "everything: mean ± SE over images.",
            performance_figure(result),
        )
    )
    if naive_differences(result):
        made.append(
            (
                "naive_difference",
                "Average rater − naive rater, mean ± SE over images; F1 and IoU, which the authors "
                "of the criterion discourage, in vermilion.",
                differences_figure(result),
            )
        )
    if result.leave_one_out_rows:
        made.append(
            (
                "leave_one_out",
                "Mean pixel ICC ± SE with each rater left out in turn.",
                leave_one_out_figure(result),
            )
        )
    if len(pair_values(result)[1]) >= _LEAST_PAIRED:
        made.append(
            (
                "pairs",
                "Every two measures against each other, their distributions, and Pearson's r.",
                pairs_figure(result),
            )
        )
    if result.confounder_rows:
        made.append(
            (
                "confounders",
                "What agreement depends on: coefficients with 95 % intervals, all covariates in "
                "one linear model per measure.",
                confounder_figure(result),
            )
        )
    return made


def means_figure(result: CohortResult) -> Figure:
    """Mean ± SE of the agreement measures."""
    rows = [row for m in agreement_measures(result) if (row := result.summary(m)) is not None]
    rows = [row for row in rows if isfinite(row["mean"])]
    figure = mean_with_error(
        [measure_label(row["measure"]) for row in rows],
        [row["mean"] for row in rows],
        [row["se"] for row in rows],
        xlabel="mean ± SE over images",
    )
    _reading_lines(figure.axes[0], vertical=True)
    low = min([row["mean"] - row["se"] for row in rows if isfinite(row["se"])], default=0.0)
    figure.axes[0].set_xlim(min(0.0, low - 0.05), 1.0)
    return figure


def images_figure(result: CohortResult) -> Figure:
    """Every image's pixel ICC in order."""
    excluded = {row["image"] for row in result.exclusions}
    values = sorted(
        row["value"]
        for row in result.image_rows
        if row["measure"] == "pixel_icc" and row["image"] not in excluded and isfinite(row["value"])
    )
    figure, axes = new_figure()
    color = [
        hex_color(VERMILLION if v < 0.5 else BLUISH_GREEN if v > 0.9 else BLUE) for v in values
    ]
    axes.scatter(range(1, len(values) + 1), values, c=color, s=14)
    _reading_lines(axes, vertical=False)
    axes.set(xlabel="image, worst first", ylabel="pixel ICC", ylim=(-0.02, 1.02))
    axes.locator_params(axis="x", integer=True)
    return figure


def leave_one_out_figure(result: CohortResult) -> Figure:
    """Mean pixel ICC of all raters and without each of them."""
    everyone = result.summary("pixel_icc")
    assert everyone is not None
    rows = result.leave_one_out_rows
    return mean_with_error(
        ["all raters", *(f"without {row['rater']}" for row in rows)],
        [everyone["mean"], *(row["mean_without"] for row in rows)],
        [everyone["se"], *(row["se_without"] for row in rows)],
        xlabel="mean pixel ICC ± SE",
    )


def performance_figure(result: CohortResult) -> Figure:
    """The average rater beside the naive one."""
    figure, axes = new_figure(height_in=3.6)
    places = np.arange(len(PERFORMANCE), dtype=float)
    for shift, prefix, label, color, mark in (
        (-0.12, "", "average rater", BLUE, "o"),
        (0.12, "naive_", "naive rater", ORANGE, "s"),
    ):
        rows = [result.summary(prefix + measure) for measure in PERFORMANCE]
        means = [row["mean"] if row else np.nan for row in rows]
        errors = [row["se"] if row else np.nan for row in rows]
        axes.errorbar(
            means,
            places + shift,
            xerr=errors,
            fmt=mark,
            capsize=3,
            label=label,
            color=hex_color(color),
        )
    axes.set_yticks(places, [measure_label(measure) for measure in PERFORMANCE])
    axes.set_ylim(len(PERFORMANCE) - 0.5, -0.5)
    axes.set(xlabel="mean ± SE over images", xlim=(-0.02, 1.02))
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def confounder_figure(result: CohortResult) -> Figure:
    """A panel a covariate, a point and its interval a measure."""
    rows = [row for row in result.confounder_rows if row["term"] != "(intercept)"]
    terms = list(dict.fromkeys(row["term"] for row in rows))
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    across = min(len(terms), _PANELS_A_ROW)
    down = ceil(len(terms) / _PANELS_A_ROW)
    figure, first = new_figure(
        width_in=1.6 + 2.4 * across, height_in=down * (0.9 + 0.28 * len(measures))
    )
    figure.delaxes(first)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for place, axes in enumerate(grid.flat):
        axes.spines[["top", "right"]].set_visible(False)
        if place >= len(terms):
            axes.set_axis_off()
            continue
        _coefficient_panel(axes, [row for row in rows if row["term"] == terms[place]], measures)
        axes.set_title(_wrapped(terms[place]), fontsize="medium")
    return figure


def _coefficient_panel(axes: Axes, rows: Sequence[dict], measures: Sequence[str]) -> None:
    for row in rows:
        place = measures.index(row["measure"])
        clear = row["low"] > 0 or row["high"] < 0
        axes.errorbar(
            row["coefficient"],
            place,
            xerr=[[row["coefficient"] - row["low"]], [row["high"] - row["coefficient"]]],
            fmt=_MARKS[place % len(_MARKS)],
            capsize=3,
            markersize=5,
            color=hex_color(VERMILLION if clear else BLACK),
        )
    axes.axvline(0.0, color="0.6", linewidth=1, zorder=0)
    axes.set_yticks(range(len(measures)), [measure_label(measure) for measure in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=4)


def _reading_lines(axes: Axes, *, vertical: bool) -> None:
    for value in (0.5, 0.9):
        draw = axes.axvline if vertical else axes.axhline
        draw(value, color="0.6", linestyle="--", linewidth=1, zorder=0)


def _wrapped(text: str) -> str:
    return text.replace(": ", ":\n")
