"""Every two measures of agreement against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medai.agreement.cohort import CohortResult
from medai.agreement.correlation import pearson
from medai.palette import BLUE, hex_color
from medai.reports.charts import new_figure
from medai.reports.measure_names import agreement_measures, measure_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pairs_figure(result: CohortResult) -> Figure:
    """Scatter below the diagonal, distributions on it, Pearson's r above.

    Images that are left out of the summaries, or lack a measure, are not drawn.
    """
    measures, values = pair_values(result)
    count = len(measures)
    figure, first = new_figure(1.8 * count + 0.4, 1.7 * count + 0.2)
    figure.delaxes(first)
    grid = figure.subplots(count, count, squeeze=False)
    for row in range(count):
        for column in range(count):
            _pair(grid[row][column], values, row, column)
            if row == count - 1:
                grid[row][column].set_xlabel(measure_label(measures[column]), fontsize="small")
            if column == 0:
                grid[row][column].set_ylabel(measure_label(measures[row]), fontsize="small")
    return figure


def pair_values(result: CohortResult) -> tuple[list[str], NDArray[np.float64]]:
    """The measures, and (images, measures) of the images that count and have every one."""
    measures = agreement_measures(result)
    left_out = {row["image"] for row in result.exclusions}
    rows = [
        [result.value(image, measure) for measure in measures]
        for image in result.images
        if image not in left_out
    ]
    values = np.array(rows, dtype=float).reshape(-1, len(measures))
    return measures, values[np.isfinite(values).all(axis=1)]


def _pair(axes: Axes, values: NDArray[np.float64], row: int, column: int) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize="x-small")
    if row < column:
        axes.set_axis_off()
        both = values[:, [row, column]]
        if len(both) > 2 and all(len(np.unique(one)) > 1 for one in both.T):
            r = pearson(both[:, 0], both[:, 1]).r
            axes.text(0.5, 0.5, f"r {r:.3f}", ha="center", va="center")
    elif row == column:
        axes.hist(values[:, row], bins=10, color=hex_color(BLUE), edgecolor="white")
    else:
        x, y = values[:, column], values[:, row]
        axes.plot(x, y, "o", color=hex_color(BLUE), markersize=3, alpha=0.7)
