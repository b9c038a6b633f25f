"""The tables of a lesion segmentation, each declared once for every place that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from medai.inference.lesions.result import LesionResult
from medai.measures.zones import ALL_ZONE_NAMES, LEFT_ZONES, RIGHT_ZONES, UNKNOWN_ZONES
from medai.tables import EVERYWHERE, Column, Table
from medai.tables import translatable as _

_BURDEN = (
    "opacity_percent",
    "right_opacity_percent",
    "left_opacity_percent",
    "high_opacity_percent",
    "lesion_volume_ml",
    "lung_volume_ml",
    "lesion_count",
)
_NOT_IN_PANEL = EVERYWHERE - {"panel"}


def _along(name: str, axis: int) -> Callable[[Any], float]:
    """What gets one axis of a lesion's (R, A, S)."""
    return lambda lesion: getattr(lesion, name)[axis]


def _of_burden(key: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda summary: summary["burden"][key]


# One row a lesion of a LesionResult.
LESIONS = Table(
    items=lambda result: result.findings,
    order={"panel": ("number", "volume_ml", "mean_hu", "score", "zone", "kind")},
    columns=(
        Column(
            "number",
            "number",
            format="d",
            meaning=_("Number of the lesion; 1 is the largest."),
            headings={"page": "", "panel": _("#")},
        ),
        Column(
            "kind", "kind", meaning=_("What the model calls it."), headings={"panel": _("Kind")}
        ),
        Column(
            "zone",
            "zone",
            meaning=_("The lung zone that holds most of it."),
            value=lambda lesion: ALL_ZONE_NAMES[lesion.zone],
            headings={"panel": _("Where")},
        ),
        Column(
            "volume_ml",
            "volume",
            "mL",
            ",.1f",
            _("Volume in milliliters."),
            headings={"panel": _("mL")},
        ),
        Column(
            "mean_hu",
            "mean density",
            "HU",
            ".0f",
            _("Mean density in Hounsfield units."),
            headings={"page": "mean HU", "panel": _("HU")},
        ),
        *(
            Column(
                f"extent_{axis.lower()}_mm",
                f"extent {axis}",
                "mm",
                ".0f",
                value=_along("extent_mm", number),
                places=frozenset({"csv", "node"}),
            )
            for number, axis in enumerate("RAS")
        ),
        Column(
            "extent_ras_mm",
            "R × A × S",
            "mm",
            value=lambda lesion: " × ".join(f"{extent:.0f}" for extent in lesion.extent_mm),
            places=frozenset({"page"}),
        ),
        Column("slices", "slices", format="d", places=_NOT_IN_PANEL),
        Column(
            "score",
            "score",
            format=".2f",
            meaning=_("Mean lesion probability of its voxels, 0 to 1."),
            headings={"panel": _("Score")},
        ),
        *(
            Column(
                f"center_{axis.lower()}_mm",
                f"center {axis}",
                "mm",
                ".0f",
                value=_along("center_ras", number),
                places=frozenset({"csv", "node"}),
            )
            for number, axis in enumerate("RAS")
        ),
    ),
)


def _regions(result: LesionResult) -> Iterator[dict[str, Any]]:
    """All lung, each lung, each zone in view: lung and lesion volume, and opacity.

    The opacity of all lung has its 95 % interval beside it, where there is one.
    """
    burden, lesion_ml = result.burden, result.burden.zone_lesion_volume_ml
    right, left = (sum(lesion_ml[name] for name in side) for side in (RIGHT_ZONES, LEFT_ZONES))
    unknown = UNKNOWN_ZONES[0] in lesion_ml
    rows = [
        (
            "one lung, side unknown" if unknown else "both lungs",
            burden.lung_volume_ml,
            sum(lesion_ml.values()),
            burden.opacity_percent,
        ),
        ("right lung", burden.right_lung_volume_ml, right, burden.right_opacity_percent),
        ("left lung", burden.left_lung_volume_ml, left, burden.left_opacity_percent),
        *(
            (
                name,
                burden.zone_lung_volume_ml[name],
                lesion_ml[name],
                percent,
            )
            for name, percent in burden.zone_opacity_percent.items()
        ),
    ]
    interval = burden.opacity_interval_percent
    for number, row in enumerate(rows):
        named = dict(zip(("region", "lung_ml", "lesion_ml", "opacity_percent"), row, strict=True))
        ends = interval if number == 0 else None
        yield named | {"interval": "" if ends is None else f"{ends[0]:.1f} to {ends[1]:.1f}"}


# One row a lung or zone of a LesionResult.
REGIONS = Table(
    items=_regions,
    columns=(
        Column("region", "region"),
        Column("lung_ml", "lung", "mL", ",.1f"),
        Column("lesion_ml", "lesion", "mL", ",.1f", places=frozenset({"page"})),
        Column("opacity_percent", "opacity", "%", ".1f"),
        Column("interval", "95 % interval", "%"),
    ),
)


def interval_columns(burden_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> list[Column]:
    """Low and high end of the opacity's interval, from the part of a summary that holds it."""

    def end(number: int) -> Callable[[Mapping[str, Any]], float | None]:
        return lambda summary: (burden_of(summary).get("opacity_interval_percent") or 2 * [None])[
            number
        ]

    return [
        Column(f"opacity_{name}_percent", f"opacity, {name}", "%", value=end(number))
        for number, name in enumerate(("low", "high"))
    ]


# One line of a batch's results.csv, from a summary.
RESULTS = Table(
    items=lambda summary: (summary,),
    columns=(
        Column("model", "model", value=lambda summary: summary["model"]["id"]),
        *(Column(key, key.replace("_", " "), value=_of_burden(key)) for key in _BURDEN),
        *interval_columns(lambda summary: summary["burden"]),
        Column("healthy_opacity_percent", "marked in healthy lungs", "%", ".1f"),
        Column("notes", "notes", value=lambda summary: " ".join(summary["notes"])),
    ),
)
