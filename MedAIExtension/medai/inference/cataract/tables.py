"""The tables of a cataract map, each declared once for every place that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from medai.tables import Column, Table

_EYE = ("eye", "cataract_fraction", "low", "high", "scans_used", "mostly", "wording")


def _eyes(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each eye of a summary, with the model and notes that hold for all."""
    for eye in summary["eyes"]:
        yield eye | {"model": summary["model"]["id"], "notes": " ".join(summary["notes"])}


RESULTS = Table(
    items=_eyes,
    columns=(
        Column("model", "model"),
        *(Column(key, key.replace("_", " ")) for key in _EYE),
        Column("notes", "notes"),
    ),
)
