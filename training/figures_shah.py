"""Figures 4 and 5 of S4: six confusion matrices, and the accuracies of six networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from medai.palette import BLUE, ORANGE, hex_color
from medai.reports.charts import new_figure
from training.paper_figures import SHAH_ACCURACY, SHAH_MATRICES
from training.tables import SHAH_RUNS, judged_run, measured_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES = ("COVID-19", "not COVID-19")


def confusion_matrices(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 4: the paper's matrices, below them those of your judged runs where there are some."""
    judged = {name: judged_run(given.runs, run) for name, run in SHAH_RUNS.items()}
    own = {name: found for name, found in judged.items() if found is not None}
    rows = 2 if own else 1
    figure, first = new_figure(2.3 * len(SHAH_MATRICES), 0.5 + 2.7 * rows)
    figure.delaxes(first)
    grid = figure.subplots(rows, len(SHAH_MATRICES), squeeze=False)
    for column, (name, (hits, missed, false, right)) in enumerate(SHAH_MATRICES.items()):
        _matrix(grid[0][column], np.array([[hits, missed], [false, right]]), f"{name}, paper")
        if not own:
            continue
        if name in own:
            # Ours has the classes in the other order: no COVID-19 first.
            counts = np.array(own[name]["confusion matrix"])[::-1, ::-1]
            _matrix(grid[1][column], counts, f"{name}, your run")
        else:
            grid[1][column].set_axis_off()
    for axes_row in grid:
        axes_row[0].set_ylabel("truth")
    what = f"the paper's counts; {len(own)} of {len(SHAH_RUNS)} networks judged in {given.runs}"
    return figure, what


def accuracies(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 5: accuracy of each network in the paper, and here."""
    figure, axes = new_figure(6.4, 3.6)
    places = np.arange(len(SHAH_ACCURACY), dtype=float)
    paper = list(SHAH_ACCURACY.values())
    ours, said = [], set()
    for name in SHAH_ACCURACY:
        judged = judged_run(given.runs, SHAH_RUNS[name])
        if judged is not None:
            ours.append(100 * judged["measures"]["accuracy"]["value"])
            said.add("your judged runs")
            continue
        value = measured_run(name)
        ours.append(float("nan") if value is None else 100 * value)
        if value is not None:
            said.add("six networks from random initialisation (training/results)")
    for shift, values, label, color in (
        (-0.2, paper, "paper (ResNet-50: its matrix says 93 %)", BLUE),
        (0.2, ours, "here", ORANGE),
    ):
        drawn = axes.bar(places + shift, values, 0.38, label=label, color=hex_color(color))
        texts = ["" if np.isnan(value) else f"{value:.1f}" for value in values]
        axes.bar_label(drawn, texts, fontsize="small")
    axes.set_xticks(places, list(SHAH_ACCURACY), rotation=15)
    axes.set(ylabel="accuracy (%)", ylim=(0, 105))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure, "the paper's figures; " + ("; ".join(sorted(said)) or "nothing trained here")


def _matrix(axes: Axes, counts: np.ndarray, title: str) -> None:
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(40, int(counts.max())))
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if count > 0.6 * max(40, counts.max()) else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=shade)
    axes.set_xticks(range(2), _CLASSES, fontsize="x-small")
    axes.set_yticks(range(2), _CLASSES, fontsize="x-small", rotation=90, va="center")
    axes.set_xlabel("called", fontsize="small")
    axes.set_title(title, fontsize="small")
    axes.spines[:].set_visible(False)


FIGURES: dict[str, Callable[[argparse.Namespace], tuple[Figure, str]]] = {
    "4": confusion_matrices,
    "5": accuracies,
}
