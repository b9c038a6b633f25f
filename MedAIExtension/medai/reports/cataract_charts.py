"""Charts of a cataract map, both eyes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medai.inference.cataract.result import CataractResult, EyeMap, threshold_of
from medai.palette import BLACK, BLUE, ORANGE, hex_color, rater_color
from medai.reports.charts import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKS = ("o", "s", "^", "D", "v")


def fraction_chart(result: CataractResult) -> Figure:
    """Cataract fraction of each scan, a column an eye, with mean and threshold."""
    figure, axes = new_figure()
    for column, eye in enumerate(result.eyes):
        values = [m.cataract_fraction for m in eye.measures]
        spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0.0]
        axes.plot(column + np.asarray(spread), values, _mark(column), color=_color(eye, column))
        mean = eye.summary.cataract_fraction
        axes.hlines(mean, column - 0.25, column + 0.25, color=hex_color(BLACK), linewidth=2)
    threshold = threshold_of(result.card, result.options)
    axes.axhline(threshold, linestyle="--", color=hex_color(BLACK), linewidth=1)
    axes.text(1.0, threshold, f" {threshold:g}", transform=axes.get_yaxis_transform(), va="center")
    axes.set_xticks(range(len(result.eyes)), [eye.scans.label for eye in result.eyes])
    if len(result.eyes) > 3:
        axes.tick_params(axis="x", rotation=30)
    axes.set(ylabel="cataract fraction", ylim=(-0.02, 1.02), xlim=(-0.6, len(result.eyes) - 0.4))
    return figure


def depth_chart(result: CataractResult) -> Figure:
    """Cataract fraction over depth in the lens, a line an eye."""
    figure, axes = new_figure()
    for column, eye in enumerate(result.eyes):
        lens = np.sum([m.profile.lens_px for m in eye.measures], axis=0)
        opaque = np.sum([m.profile.cataract_px for m in eye.measures], axis=0)
        depth = (np.arange(len(lens)) + 0.5) / len(lens)
        fraction = opaque / np.maximum(lens, 1)
        style = ("-", "--", ":", "-.")[column % 4]
        axes.plot(depth, fraction, style, color=_color(eye, column), label=eye.scans.label)
    for edge in (1 / 3, 2 / 3):
        axes.axvline(edge, color="0.8", linewidth=1, zorder=0)
    axes.set(
        xlabel="depth in the lens (0 anterior, 1 posterior)",
        ylabel="cataract fraction",
        xlim=(0, 1),
        ylim=(-0.02, 1.02),
    )
    axes.legend(frameon=False, fontsize="small")
    return figure


def _color(eye: EyeMap, column: int) -> str:
    if eye.scans.eye:
        return hex_color(BLUE if eye.scans.eye == "right" else ORANGE)
    return hex_color(rater_color(column))


def _mark(column: int) -> str:
    return _MARKS[column % len(_MARKS)]
