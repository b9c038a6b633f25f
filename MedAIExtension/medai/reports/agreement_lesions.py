"""Agreement lesion by lesion: its files, its figure and its part of the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medai.agreement.lesion_agreement import (
    LESION_IMAGES,
    LESION_PAIRS,
    LESION_SUMMARY,
    LESIONS_FOUND,
    LesionAgreement,
)
from medai.palette import BLUE, BLUISH_GREEN, ORANGE, hex_color
from medai.reports.charts import charts_available, figure_png, new_figure, save_figure
from medai.reports.page import Page
from medai.reports.tables import write_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILES = {
    "lesion_agreement.csv": LESION_SUMMARY,
    "lesion_pairs.csv": LESION_PAIRS,
    "lesions_found.csv": LESIONS_FOUND,
    "lesion_images.csv": LESION_IMAGES,
}
_COLORS = (ORANGE, BLUE, BLUISH_GREEN)
_CAPTION = "Distinct lesions by how many raters marked them, at three demands on the overlap (IoU)."
METHODS = (
    " Lesions were the connected parts of each mask (8 neighbors in a plane, 26 in space); those "
    "of two raters were matched one to one so that the sum of their IoUs is highest, and counted "
    "as the same from an IoU of 0.1, 0.3 and 0.5. Positive agreement (F1) is twice the matched "
    "lesions over the lesions of both, summed over pairs and images, its standard error jackknifed "
    "over images."
)


def write_lesion_files(lesions: LesionAgreement, folder: Path) -> None:
    """Write the tables, and the figure where there are charts, into an existing folder."""
    for name, table in _FILES.items():
        write_table(folder / name, table, lesions)
    if charts_available() and lesions.found_rows:
        (folder / "figures").mkdir(exist_ok=True)
        figure = found_figure(lesions)
        (folder / "figures" / "lesions.png").write_bytes(figure_png(figure))
        save_figure(figure, folder / "figures" / "lesions.pdf", metadata={"CreationDate": None})


def add_lesions(page: Page, lesions: LesionAgreement) -> None:
    """Add what was found to the page: the figure and the tables."""
    page.heading("Lesion by lesion")
    if charts_available() and any(row["lesions"] for row in lesions.found_rows):
        page.pictures([(figure_png(found_figure(lesions)), _CAPTION)], width_px=460)
    page.table(
        LESION_SUMMARY.headings("page"),
        LESION_SUMMARY.rows("page", lesions),
        caption="Over all images and pairs of raters. The same lesions with other borders: F1 is "
        "high at an IoU of 0.1 and falls toward 0.5. Other lesions: it is low at 0.1 already. "
        "Pairs and single images are in lesion_pairs.csv and lesion_images.csv.",
    )
    page.table(
        LESIONS_FOUND.headings("page"),
        LESIONS_FOUND.rows("page", lesions),
        caption="Distinct lesions, and how many raters marked each.",
    )


def lesion_summary(lesions: LesionAgreement | None) -> dict[str, Any] | None:
    """What agreement.json says of lesions."""
    if lesions is None:
        return None
    return {
        "sentence": lesions.sentence,
        "summary": list(lesions.summary_rows),
        "found_by": list(lesions.found_rows),
        "pairs": list(lesions.pair_rows),
    }


def found_figure(lesions: LesionAgreement) -> Figure:
    """Shares of distinct lesions marked by 1, 2, … raters, a bar a threshold."""
    most = max(row["raters"] for row in lesions.found_rows)
    rows = [row for row in lesions.found_rows if row["raters"] == most]
    thresholds = list(dict.fromkeys(row["iou"] for row in rows))
    figure, axes = new_figure(height_in=2.9)
    width = 0.8 / len(thresholds)
    for place, (threshold, color) in enumerate(zip(thresholds, _COLORS, strict=True)):
        shares = [100 * row["share"] for row in rows if row["iou"] == threshold]
        axes.bar(
            np.arange(1, most + 1) + (place - (len(thresholds) - 1) / 2) * width,
            shares,
            width * 0.92,
            color=hex_color(color),
            label=f"IoU ≥ {threshold:g}",
        )
    axes.set_xticks(range(1, most + 1))
    axes.set(
        xlabel=f"raters who marked the lesion, of {most}",
        ylabel="distinct lesions (%)",
        ylim=(0, None),
    )
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
