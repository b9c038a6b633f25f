"""The tables of a COVID-19 assessment, each declared once for every place that shows it."""

from __future__ import annotations

from medai.tables import Column, Table

RESULTS = Table(
    items=lambda summary: (summary,),
    columns=(
        Column("model", "model", value=lambda summary: summary["model"]["id"]),
        Column("covid_probability", "p(COVID-19)"),
        Column("spread", "spread"),
        Column("decision_threshold", "threshold"),
        Column(
            "opacity_percent",
            "opacity",
            "%",
            value=lambda summary: (summary["severity"] or {}).get("opacity_percent"),
        ),
        Column("notes", "notes", value=lambda summary: " ".join(summary["notes"])),
    ),
)
