"""The tables of a cataract map, each declared once for every place that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medai.inference.cataract.result import CataractResult, EyeMap
from medai.measures.lens_depth import DEPTH_NAMES
from medai.tables import Column, Place, Table
from medai.tables import translatable as _

_RESULTS = ("eye", "cataract_fraction", "low", "high", "scans_used", "mostly", "wording")
_CSV: frozenset[Place] = frozenset({"csv"})
_CSV_PAGE: frozenset[Place] = frozenset({"csv", "page"})
_CSV_NODE: frozenset[Place] = frozenset({"csv", "node"})
_NOT_IN_PANEL: frozenset[Place] = frozenset({"csv", "page", "node"})
_NOT_IN_NODE: frozenset[Place] = frozenset({"csv", "page", "panel"})
_CSV_NODE_PANEL: frozenset[Place] = frozenset({"csv", "node", "panel"})


@dataclass(frozen=True, eq=False)
class MappedScan:
    """One scan of an eye. overlay: the file, below the results' folder, that shows it."""

    eye: EyeMap
    number: int
    overlay: str

    @property
    def measure(self) -> Any:
        """What was measured on it."""
        return self.eye.measures[self.number]


def scans_of(result: CataractResult) -> Iterator[MappedScan]:
    """Every scan of every eye."""
    for eye in result.eyes:
        yield from scans_of_eye(eye)


def scans_of_eye(eye: EyeMap) -> Iterator[MappedScan]:
    """Every scan of one eye."""
    start = re.sub(r"[^A-Za-z0-9]+", "_", eye.scans.label).strip("_").lower() or "eye"
    for number in range(len(eye.measures)):
        yield MappedScan(eye, number, f"overlays/{start}_{number + 1:02d}.png")


def _measured(key: str) -> Callable[[MappedScan], Any]:
    return lambda scan: getattr(scan.measure, key)


def _at_depth(key: str, depth: int) -> Callable[[MappedScan], Any]:
    return lambda scan: getattr(scan.measure, key)[depth]


def _eye_at_depth(depth: int) -> Callable[[Any], Any]:
    return lambda summary: summary.depth_fraction[depth]


def _crop_side(side: str) -> Callable[[MappedScan], Any]:
    return lambda scan: getattr(scan.eye.crops[scan.number], side)


def _depth_key(name: str, what: str) -> str:
    return f"{name.replace(' ', '_')}_{what}"


_DEPTHS_IN_PANEL = (
    (_("Front"), _("Cataract fraction of the anterior third.")),
    (_("Nucleus"), _("Cataract fraction of the middle third.")),
    (_("Back"), _("Cataract fraction of the posterior third.")),
)

_SCAN_COLUMNS = (
    Column(
        "eye",
        "eye",
        meaning=_("Which eye."),
        value=lambda scan: scan.eye.scans.label,
        places=_NOT_IN_NODE,
        headings={"panel": _("Eye")},
    ),
    Column(
        "scan",
        "scan",
        meaning=_("Its name."),
        value=_measured("name"),
        headings={"panel": _("Scan")},
    ),
    Column(
        "cataract_fraction",
        "cataract fraction",
        format=".2f",
        meaning=_("Cataract pixels over lens pixels."),
        value=_measured("cataract_fraction"),
        headings={"panel": _("Fraction")},
    ),
    Column(
        "lens_area_px",
        "lens",
        "pixels",
        "d",
        value=_measured("lens_area_px"),
        places=_NOT_IN_PANEL,
        headings={"page": "lens (px)"},
    ),
    Column("cataract_area_px", "cataract", "px", value=_measured("cataract_area_px"), places=_CSV),
    Column(
        "lens_area_mm2",
        "lens",
        "mm2",
        ".2f",
        value=_measured("lens_area_mm2"),
        places=_NOT_IN_PANEL,
        headings={"page": "lens (mm²)"},
    ),
    Column(
        "average_lens_density",
        "average lens density",
        format=".0f",
        value=_measured("average_lens_density"),
        places=_NOT_IN_PANEL,
        headings={"page": "lens density"},
    ),
    *(
        Column(
            _depth_key(name, "fraction"),
            f"{name} fraction",
            format=".2f",
            meaning=_DEPTHS_IN_PANEL[depth][1],
            value=_at_depth("depth_fraction", depth),
            places=_CSV_NODE_PANEL,
            headings={"panel": _DEPTHS_IN_PANEL[depth][0]},
        )
        for depth, name in enumerate(DEPTH_NAMES)
    ),
    *(
        Column(
            _depth_key(name, "density"),
            f"{name} density",
            value=_at_depth("depth_density", depth),
            places=_CSV,
        )
        for depth, name in enumerate(DEPTH_NAMES)
    ),
    *(
        Column(f"crop_{side}", f"crop {side}", value=_crop_side(side), places=_CSV)
        for side in ("left", "top", "right", "bottom")
    ),
    Column("overlay", "overlay", places=_CSV),
    Column(
        "reason",
        "note",
        meaning=_("Why a scan has no number."),
        value=_measured("reason"),
        headings={"panel": _("Note")},
    ),
)
# One row a scan: of a CataractResult, and of one of its eyes.
SCANS = Table(items=scans_of, columns=_SCAN_COLUMNS)
SCANS_OF_EYE = Table(items=scans_of_eye, columns=_SCAN_COLUMNS)

# One row an eye of a CataractResult.
EYES = Table(
    items=lambda result: (eye.summary for eye in result.eyes),
    order={
        "page": ("eye", "cataract_fraction", "low", "high", "std", "average_lens_density"),
    },
    columns=(
        Column(
            "eye",
            "eye",
            meaning=_("Which eye."),
            value=lambda eye: eye.label,
            headings={"panel": _("Eye")},
        ),
        Column("scans", "scans", places=_CSV),
        Column("scans_used", "scans", places=_CSV_PAGE),
        Column(
            "cataract_fraction",
            "cataract fraction",
            format=".2f",
            meaning=_("Cataract pixels over lens pixels, mean over scans."),
            headings={"panel": _("Fraction")},
        ),
        Column(
            "low",
            "lowest",
            format=".2f",
            meaning=_("The smallest fraction of a scan."),
            headings={"panel": _("Low")},
        ),
        Column(
            "high",
            "highest",
            format=".2f",
            meaning=_("The largest fraction of a scan."),
            headings={"panel": _("High")},
        ),
        Column("std", "std", places=_CSV_PAGE),
        Column(
            "average_lens_density",
            "lens density",
            format=".0f",
            meaning=_("Mean gray value of the lens, 0 to 255."),
            headings={"panel": _("Density")},
        ),
        *(
            Column(
                _depth_key(name, "fraction"),
                f"{name} fraction",
                value=_eye_at_depth(depth),
                places=_CSV,
            )
            for depth, name in enumerate(DEPTH_NAMES)
        ),
        Column("mostly", "mostly", places=_CSV),
        Column("threshold", "threshold", places=_CSV),
        Column(
            "wording",
            "meaning",
            meaning=_("What the fraction is consistent with."),
            headings={"page": "", "panel": _("Meaning")},
        ),
    ),
)


def _eyes_of_summary(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each eye of a summary, with the model and notes that hold for all."""
    for eye in summary["eyes"]:
        yield eye | {"model": summary["model"]["id"], "notes": " ".join(summary["notes"])}


# A line an eye of a batch's results.csv, from a summary.
RESULTS = Table(
    items=_eyes_of_summary,
    columns=(
        Column("model", "model"),
        *(Column(key, key.replace("_", " ")) for key in _RESULTS),
        Column("notes", "notes"),
    ),
)
