"""What a batch's results.csv says about the agreement of one study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from medai.agreement.scores import ALL_ITEMS
from medai.tables import Column, Table


def _mean(measure: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda summary: summary.get("summary", {}).get(measure, {}).get("mean")


def _alpha(summary: Mapping[str, Any]) -> Any:
    """Of outlines the mean over images, of scores that of all items."""
    for row in summary.get("coefficients", ()):
        if (row["item"], row["coefficient"]) == (ALL_ITEMS, "alpha"):
            return row["value"]
    return _mean("krippendorff_alpha")(summary)


RESULTS = Table(
    items=lambda summary: (summary,),
    columns=(
        Column("images", "images"),
        Column("raters", "raters", value=lambda summary: len(summary["raters"])),
        Column("pixel_icc", "mean pixel ICC", value=_mean("pixel_icc")),
        Column("krippendorff_alpha", "mean alpha", value=_alpha),
        Column("mean_dice", "mean Dice", value=_mean("mean_dice")),
        Column(
            "extent_icc",
            "extent ICC",
            value=lambda summary: (summary.get("extent_icc") or {}).get("icc"),
        ),
        Column("sentence", "sentence"),
        Column("notes", "notes", value=lambda summary: " ".join(summary["notes"])),
    ),
)
