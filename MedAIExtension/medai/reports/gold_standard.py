"""The part of an agreement report that holds everybody against a gold standard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medai.agreement.gold_standard import GoldStandardResult
from medai.palette import BLUE, ORANGE, VERMILLION, hex_color
from medai.reports.charts import charts_available, figure_png, new_figure
from medai.reports.page import Page
from medai.reports.tables import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_IMAGE_COLUMNS = ("image", "who", "kind", "measure", "value")
_RANKING_COLUMNS = (
    *("rank", "who", "kind", "images", "dice", "low", "high", "best_share"),
    *("behind", "behind_low", "behind_high", "sensitivity", "precision", "size_ratio"),
    *("mean_surface_mm", "hausdorff95_mm"),
)
_KINDS = {"rater": (BLUE, "o"), "consensus": (VERMILLION, "s"), "model": (ORANGE, "^")}


def write_gold_standard(result: GoldStandardResult, folder: Path) -> None:
    """Write gold_standard.csv (image by image) and gold_ranking.csv (over images)."""
    for name, columns, rows in (
        ("gold_standard.csv", _IMAGE_COLUMNS, result.image_rows),
        ("gold_ranking.csv", _RANKING_COLUMNS, result.ranking_rows),
    ):
        write_csv(folder / name, columns, [[row[column] for column in columns] for row in rows])


def add_gold_standard(page: Page, result: GoldStandardResult) -> None:
    """Sentence, figure and ranking."""
    page.heading("Against the gold standard")
    page.sentence(result.sentence)
    if charts_available() and result.ranking_rows:
        page.pictures(
            [(figure_png(ranking_figure(result)), "Mean Dice with 95 % interval, best first.")],
            width_px=520,
        )
    page.table(
        (
            *("rank", "who", "kind", "images", "Dice", "95 % from", "to", "best in (%)"),
            *("behind the best", "95 % from", "to", "sensitivity", "precision", "size ratio"),
            *("surface (mm)", "HD95 (mm)", "false alarms"),
        ),
        [
            (
                *(row[column] for column in _RANKING_COLUMNS[:7]),
                100 * row["best_share"],
                *(row[column] for column in _RANKING_COLUMNS[8:]),
                result.false_alarms.get(row["who"], 0),
            )
            for row in result.ranking_rows
        ],
        caption="Means over images; intervals by bootstrap over images. Behind the best: mean "
        "difference on the images that both have. An interval that reaches 0 tells nobody apart. "
        "Images on which the gold standard marks nothing have no Dice; marking there is a false "
        "alarm. Consensus methods are of the raters alone.",
    )


def ranking_figure(result: GoldStandardResult) -> Figure:
    """Mean Dice and its interval of each, best on top; kinds told apart by color and mark."""
    rows = result.ranking_rows
    figure, axes = new_figure(height_in=0.9 + 0.32 * len(rows))
    for place, row in enumerate(rows):
        color, mark = _KINDS[row["kind"]]
        axes.errorbar(
            row["dice"],
            place,
            xerr=[[row["dice"] - row["low"]], [row["high"] - row["dice"]]],
            fmt=mark,
            capsize=3,
            color=hex_color(color),
            label=row["kind"],
        )
    axes.set_yticks(range(len(rows)), [row["who"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("mean Dice with the gold standard")
    axes.grid(axis="x", alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        list(once.values()), list(once), loc="outside upper center", ncols=3, frameon=False
    )
    return figure
