"""What raters said of image quality: its files, its map and its part of the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medai.agreement.quality import QualityAgreement
from medai.agreement.quality_remarks import QualityCounts, QualityRemarks
from medai.palette import BLACK, BLUE, ORANGE, hex_color
from medai.reports.charts import charts_available, figure_png, new_figure, save_figure
from medai.reports.page import Page
from medai.reports.tables import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FOCUS = "out of focus"
_NOTHING_SAID = "0.92"
_CAPTION = (
    "Each rater's quality of each image, lowest mean quality first; a cross: out of focus. Gray: "
    "nothing was said."
)
METHODS = (
    " Agreement on image quality (low −1, normal 0, high 1) is Krippendorff's ordinal alpha with "
    "an interval from 1000 bootstrap samples of the images."
)
MODEL_METHODS = (
    " What the images' mean quality depends on was estimated by one Gaussian linear model on what "
    "describes the images, over all images."
)


@dataclass(frozen=True, eq=False)
class QualityReport:
    """What raters said, how far they agree on it, its counts, and what it depends on."""

    remarks: QualityRemarks
    agreement: QualityAgreement | None
    counts: QualityCounts
    model_rows: tuple[dict[str, Any], ...]

    @property
    def methods(self) -> str:
        """Sentences for the methods paragraph."""
        return (METHODS if self.agreement else "") + (MODEL_METHODS if self.model_rows else "")


def quality_summary(quality: QualityReport | None) -> dict[str, Any] | None:
    """What agreement.json says of quality."""
    if quality is None:
        return None
    agreement = {} if quality.agreement is None else asdict(quality.agreement)
    return {**agreement, "counts": asdict(quality.counts), "model": list(quality.model_rows)}


def write_quality_files(quality: QualityReport, folder: Path) -> None:
    """Write the counts, the model and the map into an existing folder."""
    rows = quality.counts.rater_rows
    if rows:
        write_csv(folder / "quality.csv", tuple(rows[0]), [tuple(row.values()) for row in rows])
    model = quality.model_rows
    if model:
        write_csv(
            folder / "quality_model.csv", tuple(model[0]), [tuple(row.values()) for row in model]
        )
    if charts_available():
        (folder / "figures").mkdir(exist_ok=True)
        figure = quality_map(quality.remarks)
        (folder / "figures" / "quality.png").write_bytes(figure_png(figure))
        save_figure(figure, folder / "figures" / "quality.pdf", metadata={"CreationDate": None})


def add_quality(page: Page, quality: QualityReport) -> None:
    """Add what was said of quality to the page."""
    page.heading("Image quality")
    page.sentence(quality.counts.sentence)
    found = quality.agreement
    if found is not None:
        text = (
            f"Quality was rated by {found.raters} raters on {found.images} images: mean "
            f"{found.mean:.2f} (SD {found.sd:.2f}), 1 being high and {-1} low. Agreement on it: "
            f"ordinal alpha {found.alpha:.2f} (95 % interval {found.low:.2f} to {found.high:.2f})."
        )
        page.sentence(text.replace("-", "−"))
    if charts_available():
        page.pictures([(figure_png(quality_map(quality.remarks)), _CAPTION)], width_px=900)
    rows = quality.counts.rater_rows
    if rows:
        page.table(
            tuple(rows[0]),
            [tuple(row.values()) for row in rows],
            caption="How many images each rater called low, normal or high, and why.",
        )
    if quality.model_rows:
        page.table(
            ("quality depends on", "coefficient", "95 % from", "to", "p", "images"),
            [
                (r["term"], r["coefficient"], r["low"], r["high"], r["p"], r["images"])
                for r in quality.model_rows
            ],
            caption="Linear model of the images' mean quality on what describes them, all at once, "
            "over all images; per unit of a number, or against the first category.",
        )


def quality_map(remarks: QualityRemarks) -> Figure:
    """A row a rater, a column an image: quality as color, out of focus as a cross."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    scores = remarks.scores
    seen = np.isfinite(scores)
    mean = np.where(seen, scores, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    order = np.lexsort((np.arange(len(mean)), mean, ~seen.any(axis=0)))
    number = len(order)
    figure, axes = new_figure(
        width_in=min(max(4.5, 1.5 + 0.12 * number), 11.0),
        height_in=1.5 + 0.3 * len(remarks.raters),
    )
    colors = {"low": hex_color(ORANGE), "normal": "0.75", "high": hex_color(BLUE)}
    shown = ListedColormap(list(colors.values()), bad=_NOTHING_SAID)
    axes.pcolormesh(
        np.ma.masked_invalid(scores[:, order]), cmap=shown, vmin=-1.5, vmax=1.5,
        edgecolors="white", linewidth=0.6 if number <= 120 else 0.0,
    )  # fmt: skip
    rows, columns = np.nonzero(remarks.said(_FOCUS)[:, order])
    axes.plot(columns + 0.5, rows + 0.5, "x", color=hex_color(BLACK), markersize=4)
    axes.set_yticks(np.arange(len(remarks.raters)) + 0.5, remarks.raters)
    axes.set_xlim(0, number)
    axes.set_ylim(len(remarks.raters), 0)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("images, lowest mean quality first")
    handles = [Patch(color=color, label=word) for word, color in colors.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure
