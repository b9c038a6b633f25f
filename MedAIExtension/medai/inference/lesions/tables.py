"""The tables of a lesion segmentation, each declared once for every place that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from medai.tables import Column, Table

_BURDEN = (
    "opacity_percent",
    "right_opacity_percent",
    "left_opacity_percent",
    "high_opacity_percent",
    "lesion_volume_ml",
    "lung_volume_ml",
    "lesion_count",
)


def _of_burden(key: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda summary: summary["burden"][key]


RESULTS = Table(
    items=lambda summary: (summary,),
    columns=(
        Column("model", "model", value=lambda summary: summary["model"]["id"]),
        *(Column(key, key.replace("_", " "), value=_of_burden(key)) for key in _BURDEN),
        Column("notes", "notes", value=lambda summary: " ".join(summary["notes"])),
    ),
)
