"""The lines of results.csv, out of the summaries that the studies' reports wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medai.errors import InputError

_BURDEN = (
    "opacity_percent",
    "right_opacity_percent",
    "left_opacity_percent",
    "high_opacity_percent",
    "lesion_volume_ml",
    "lung_volume_ml",
    "lesion_count",
)
_EYE = ("eye", "cataract_fraction", "low", "high", "scans_used", "mostly", "wording")
_SEVERITY = ("covid_probability", "spread", "decision_threshold")
_AGREEMENT = ("pixel_icc", "krippendorff_alpha", "mean_dice")

# Task -> the summary's file, and the columns after number and name.
SUMMARIES = {
    "segment": ("summary.json", ("model", *_BURDEN, "notes")),
    "classify": ("classification.json", ("model", *_SEVERITY, "opacity_percent", "notes")),
    "cataract": ("cataract.json", ("model", *_EYE, "notes")),
    "agree": (
        "agreement.json",
        ("images", "raters", *_AGREEMENT, "extent_icc", "sentence", "notes"),
    ),
}


def columns_of(task: str) -> tuple[str, ...]:
    """The columns of results.csv."""
    return ("number", "name", *SUMMARIES[task][1])


def rows_of(task: str, folder: Path) -> tuple[tuple[Any, ...], ...]:
    """The lines of one study, without number and name: one, or one an eye.

    Raises InputError when the summary is damaged.
    """
    file = SUMMARIES[task][0]
    try:
        summary = json.loads((folder / file).read_text(encoding="utf-8"))
        return tuple(_ROWS[task](summary))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is damaged: {type(error).__name__}.") from error


def _notes(summary: Mapping[str, Any]) -> str:
    return " ".join(summary["notes"])


def _segment(summary: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    burden = summary["burden"]
    return [(summary["model"]["id"], *(burden[name] for name in _BURDEN), _notes(summary))]


def _classify(summary: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    severity = summary["severity"] or {}
    return [
        (
            summary["model"]["id"],
            *(summary[name] for name in _SEVERITY),
            severity.get("opacity_percent"),
            _notes(summary),
        )
    ]


def _cataract(summary: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (summary["model"]["id"], *(eye[name] for name in _EYE), _notes(summary))
        for eye in summary["eyes"]
    ]


def _agree(summary: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    extent = summary["extent_icc"] or {}
    return [
        (
            summary["images"],
            len(summary["raters"]),
            *(summary["summary"].get(name, {}).get("mean") for name in _AGREEMENT),
            extent.get("icc"),
            summary["sentence"],
            _notes(summary),
        )
    ]


_ROWS = {"segment": _segment, "classify": _classify, "cataract": _cataract, "agree": _agree}
