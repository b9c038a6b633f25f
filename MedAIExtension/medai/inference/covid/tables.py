"""The tables of a COVID-19 assessment, each declared once for every place that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medai.inference.covid.result import COVID_CLASS, CovidResult
from medai.inference.lesions.tables import interval_columns
from medai.measures.follow_up import FollowUp
from medai.measures.severity import severity_rows
from medai.tables import EVERYWHERE, Column, Table
from medai.tables import translatable as _


def _slices(result: CovidResult) -> Iterator[dict[str, Any]]:
    """The slices of the first plane, in order."""
    part = result.slices[0]
    covid = part.probability[:, result.classes.index(COVID_CLASS)]
    for index, probability, spread in zip(part.index, covid, part.spread, strict=True):
        yield {
            "slice": int(index) + 1,
            "covid_probability": float(probability),
            "spread": float(spread),
        }


# One row a slice of a CovidResult; slices.csv has every plane and class.
SLICES = Table(
    items=_slices,
    columns=(
        Column(
            "slice",
            "slice",
            format="d",
            meaning=_("Number of the slice, from the feet up."),
            headings={"panel": _("Slice")},
        ),
        Column(
            "covid_probability",
            "probability of COVID-19",
            format=".2f",
            meaning=_("Probability of COVID-19 on this slice."),
            headings={"panel": _("p(COVID-19)")},
        ),
        Column(
            "spread",
            "spread",
            format=".2f",
            meaning=_("Spread over variants of the input and over members."),
            headings={"panel": _("±")},
        ),
    ),
)

# One row a lung, zone or lobe of a Severity.
SEVERITY = Table(
    items=severity_rows,
    columns=(
        Column(
            "region",
            "region",
            meaning=_("Lung, zone or lobe; the patient's own right and left."),
            value=lambda row: row[0],
            headings={"panel": _("Region")},
        ),
        Column(
            "opacity_percent",
            "opacity",
            "%",
            ".1f",
            _("Lesion volume in percent of the region."),
            value=lambda row: row[1],
            headings={"panel": _("Opacity %")},
        ),
        Column(
            "score",
            "score",
            "0-4",
            "d",
            _("0 none, 1 to 25 %, 2 to 50 %, 3 to 75 %, 4 above."),
            value=lambda row: row[2],
            headings={"page": "score 0–4", "panel": _("Score")},
        ),
    ),
)


def change_rows(change: FollowUp) -> list[dict[str, Any]]:
    """What was measured on both dates: lesion volume, opacity, high opacity, zone score."""
    earlier, later = change.earlier, change.later
    rows = (
        (
            _("Lesion (mL)"),
            change.earlier_lesion_volume_ml,
            change.later_lesion_volume_ml,
            change.lesion_volume_change_ml,
        ),
        (
            _("Opacity (% of lung)"),
            earlier.opacity_percent,
            later.opacity_percent,
            change.opacity_change_points,
        ),
        (
            _("High opacity (% of lung)"),
            earlier.high_opacity_percent,
            later.high_opacity_percent,
            change.high_opacity_change_points,
        ),
        (
            _("Zone score (0–24)"),
            earlier.zone_score,
            later.zone_score,
            change.zone_score_change,
        ),
    )
    return [dict(zip(("measure", "earlier", "later", "change"), row, strict=True)) for row in rows]


# One row a measure of a FollowUp.
CHANGE = Table(
    items=change_rows,
    columns=(
        Column(
            "measure",
            "measure",
            meaning=_("What was measured on both dates."),
            places=EVERYWHERE - {"page"},
            headings={"panel": _("Measure")},
        ),
        Column(
            "measure_in_text",
            "",
            value=lambda row: row["measure"][:1].lower() + row["measure"][1:],
            places=frozenset({"page"}),
        ),
        Column(
            "earlier",
            "earlier",
            format=",.1f",
            meaning=_("In the earlier study."),
            headings={"panel": _("Earlier")},
        ),
        Column(
            "later",
            "later",
            format=",.1f",
            meaning=_("In the later study."),
            headings={"panel": _("Later")},
        ),
        Column(
            "change",
            "change",
            format="+,.1f",
            meaning=_("Later minus earlier."),
            headings={"panel": _("Change")},
        ),
    ),
)

# One line of a batch's results.csv, from a summary.
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
        *interval_columns(lambda summary: summary["severity"] or {}),
        Column("notes", "notes", value=lambda summary: " ".join(summary["notes"])),
    ),
)
