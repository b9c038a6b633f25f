"""What a batch's results.csv says about the agreement of one study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from medai.tables import Column, Table


def _mean(measure: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda summary: summary["summary"].get(measure, {}).get("mean")


RESULTS = Table(
    items=lambda summary: (summary,),
    columns=(
        Column("images", "images"),
        Column("raters", "raters", value=lambda summary: len(summary["raters"])),
        Column("pixel_icc", "mean pixel ICC", value=_mean("pixel_icc")),
        Column("krippendorff_alpha", "mean alpha", value=_mean("krippendorff_alpha")),
        Column("mean_dice", "mean Dice", value=_mean("mean_dice")),
        Column(
            "extent_icc",
            "extent ICC",
            value=lambda summary: (summary["extent_icc"] or {}).get("icc"),
        ),
        Column("sentence", "sentence"),
        Column("notes", "notes", value=lambda summary: " ".join(summary["notes"])),
    ),
)
