"""Figures 1, 2 and S4 of S3: outlines of three images, mean agreement, and measures in pairs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from medai.agreement import ImageRatings
from medai.errors import TrainingDataError
from medai.palette import ORANGE
from medai.reports.agreement_figures import means_figure
from medai.reports.charts import new_figure
from medai.reports.pair_plot import pair_values, pairs_figure
from training.eczema_cohort import measured_cohort, ratings_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SKIN = (0.72, 0.72, 0.72)
_PLACES = ("lowest", "median", "highest")


def outlines(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 1: eczema (orange) and skin (grey) by each rater, and the majority of all but the last.

    Three images: with the lowest, the median and the highest pixel ICC.
    """
    ratings, where = ratings_of(given.raters)
    result, _ = measured_cohort(given.raters)
    left_out = {row["image"] for row in result.exclusions}
    known = [
        (result.value(item.name, "pixel_icc"), item)
        for item in ratings
        if item.name not in left_out and np.isfinite(result.value(item.name, "pixel_icc"))
    ]
    if len(known) < 3:
        raise TrainingDataError(f"{where}: {len(known)} images with a pixel ICC, expected three.")
    known.sort(key=lambda pair: pair[0])
    chosen = [known[0], known[len(known) // 2], known[-1]]
    columns = max(len(item.raters) for _, item in chosen) + 1
    figure, first = new_figure(2.0 * columns, 5.4)
    figure.delaxes(first)
    grid = figure.subplots(3, columns, squeeze=False)
    for row, (icc, item) in enumerate(chosen):
        _draw_image(grid[row], item)
        alpha = result.value(item.name, "krippendorff_alpha")
        words = f"{_PLACES[row]} (Laplace)\nICC {icc:.2f}, α {alpha:.2f}"
        grid[row][0].set_ylabel(words, fontsize="small")
    return figure, where


def means(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. 2: mean ± SE over images of the pixel- and area-level measures."""
    result, where = measured_cohort(given.raters)
    figure = means_figure(result)
    figure.axes[0].set_xlabel("mean ± SE over images, as published (Laplace)")
    return figure, where


def pairs(given: argparse.Namespace) -> tuple[Figure, str]:
    """Fig. S4: every two measures against each other, their distribution, and Pearson's r."""
    result, where = measured_cohort(given.raters)
    number = len(pair_values(result)[1])
    return pairs_figure(result), f"{where}, {number} images with every measure"


def _draw_image(row: list[Axes], item: ImageRatings) -> None:
    region = np.ones(item.masks[0].shape, bool) if item.roi is None else np.asarray(item.roi) > 0
    drawn = [(name, np.asarray(m) > 0) for name, m in zip(item.raters, item.masks, strict=True)]
    others = np.stack([mask for _, mask in drawn[:-1]])
    drawn.append((f"majority without {item.raters[-1]}", others.mean(axis=0) > 0.5))
    for axes, (name, mask) in zip(row, drawn, strict=False):
        picture = np.ones((*region.shape[-2:], 3))
        picture[_middle(region)] = _SKIN
        picture[_middle(mask & region)] = ORANGE
        axes.imshow(picture, interpolation="nearest")
        axes.set_title(name, fontsize="small")
    for axes in row:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    for axes in row[len(drawn) :]:
        axes.set_axis_off()


def _middle(mask: np.ndarray) -> np.ndarray:
    """A picture's mask as it is, of a volume the slice with most in it."""
    if mask.ndim == 2:
        return mask
    return mask[int(mask.sum(axis=(1, 2)).argmax())]


FIGURES: dict[str, Callable[[argparse.Namespace], tuple[Figure, str]]] = {
    "1": outlines,
    "2": means,
    "S4": pairs,
}
