"""Parts of an agreement's page that stand beside the cohort's own tables."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from medai.agreement.cohort import CohortResult
from medai.agreement.cohort_image import DISTANCES
from medai.agreement.local_extent_icc import LocalExtentIcc
from medai.agreement.naive_difference import (
    DISCOURAGED,
    FIXED_FOR_THE_NAIVE,
    NAIVE_DIFFERENCES,
    naive_differences,
)
from medai.palette import BLACK, VERMILLION, hex_color
from medai.reports.charts import new_figure
from medai.reports.measure_names import measure_label
from medai.reports.page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOCAL_METHODS = (
    " Agreement on the local extent, the share marked around each place by a Gaussian kernel as "
    "wide as a cell of a 15 × 15 grid, is V_place / (V_place + V_rater + V_residual) of a linear "
    "mixed model with crossed effects (REML) for each image."
)


def add_naive_differences(page: Page, result: CohortResult) -> None:
    """Add the average rater's lead over the naive one, and which metrics it speaks against."""
    rows = naive_differences(result)
    if not rows:
        return
    names = NAIVE_DIFFERENCES.headings("page")
    table = [(measure_label(row[0]), *row[1:]) for row in NAIVE_DIFFERENCES.rows("page", result)]
    page.table(
        names,
        table,
        caption="Average rater minus naive rater, image by image. Among metrics whose rater is "
        "above the naive one, a wide difference with a small SE lets an algorithm's progress be "
        "seen (Hurault et al. 2022). The naive rater has sensitivity 1 and specificity 0 by "
        "construction.",
    )
    page.sentence(naive_sentence(result))


def naive_sentence(result: CohortResult) -> str:
    """Which metric leaves most room, and what the source says of F1 and IoU."""
    # A rater who marks everything has sensitivity 1 and specificity 0 whatever the images are.
    rows = [row for row in naive_differences(result) if row["measure"] not in FIXED_FOR_THE_NAIVE]
    if not rows:
        return ""
    widest = max(rows, key=lambda row: float(row["difference"]))
    narrow = " and ".join(
        f"{measure_label(row['measure'])} {row['difference']:+.2f}"
        for row in rows
        if row["measure"] in DISCOURAGED
    )
    text = (
        f"The widest lead over the naive rater has {measure_label(widest['measure'])} "
        f"({widest['difference']:+.2f}, SE {widest['se']:.2f})."
    )
    if narrow:
        text += (
            f" F1 and IoU are discouraged by the authors of this criterion, whose raters led "
            f"little in them; here: {narrow}."
        )
    return text.replace("-", "−")


def differences_figure(result: CohortResult) -> Figure:
    """Average rater minus naive rater, mean ± SE, a line a metric; F1 and IoU apart in color."""
    rows = naive_differences(result)
    figure, axes = new_figure(height_in=0.9 + 0.34 * len(rows))
    for place, row in enumerate(rows):
        color = VERMILLION if row["measure"] in DISCOURAGED else BLACK
        axes.errorbar(
            row["difference"], place, xerr=row["se"], fmt="o", capsize=3, color=hex_color(color)
        )
    axes.axvline(0.0, color="0.6", linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), [measure_label(row["measure"]) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    values = np.array([row["difference"] for row in rows])
    axes.set_xlim(min(-0.1, float(values.min()) - 0.12), max(0.5, float(values.max()) + 0.12))
    axes.set_xlabel("average rater − naive rater, mean ± SE over images")
    return figure


def add_local_extent(page: Page, local: LocalExtentIcc) -> None:
    """Add the ICC of the local extent in one sentence."""
    if not isfinite(local.mean):
        return
    error = f" (95 % interval {local.low:.2f} to {local.high:.2f})" if local.images > 1 else ""
    page.sentence(
        f"ICC of the local extent, the share marked around each place: mean {local.mean:.2f}"
        f"{error} over {local.images} image{'s' if local.images > 1 else ''}."
    )


def add_distances(page: Page, result: CohortResult) -> None:
    """Add the distances between the raters' surfaces, where they were measured."""
    rows = []
    for unit in ("mm", "pixels"):
        for distance in DISTANCES:
            row = result.summary(f"{distance}_{unit}")
            if row is not None and isfinite(row["mean"]):
                rows.append(
                    (_NAMES[distance], unit, row["images"], row["mean"], row["se"], row["median"])
                )
    if rows:
        page.table(
            ("distance of pairs", "unit", "images", "mean", "SE", "median"),
            rows,
            caption="Between the raters' surfaces, mean over pairs, over images where both marked "
            "something. Pixels: the images have no spacing.",
        )


_NAMES = {
    "hausdorff": "Hausdorff",
    "hausdorff95": "95 % Hausdorff",
    "mean_surface": "mean surface",
}
