"""Standard codes of the structures that MedAI outlines, as Slicer writes them with a segment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from medai.resources import resources_folder

_REGION_CONTEXT = "Anatomic codes - DICOM master list"


def terminology_file() -> Path:
    """The shipped ``.term.json``, in the format that Slicer's Terminologies module loads."""
    return resources_folder() / "Terminologies" / "MedAI.term.json"


def terminology_entry(name: str) -> str:
    """Slicer's serialized terminology entry of a structure, or "" for a name without a code.

    name: as in palette.CLASS_COLORS ("consolidation", "right lung", …), or a lung zone
    ("right upper zone", …); the file's ``3dSlicerLabel``.
    """
    return _entries().get(name, "")


@cache
def _entries() -> dict[str, str]:
    content = json.loads(terminology_file().read_text(encoding="utf-8"))
    context = content["SegmentationCategoryTypeContextName"]
    entries = {}
    for category in content["SegmentationCodes"]["Category"]:
        for kind in category["Type"]:
            region = kind.get("MedAIRegion")
            for modifier in (None, *kind.get("Modifier", ())):
                label = (modifier or kind).get("3dSlicerLabel")
                if label is None:
                    continue
                codes = [context, _code(category), _code(kind), _code(modifier)]
                codes += [_REGION_CONTEXT if region else "", _code(region), _code(None)]
                entries[label] = "~".join(codes)
    return entries


def _code(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "^^"
    keys = ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")
    return "^".join(entry[key] for key in keys)
