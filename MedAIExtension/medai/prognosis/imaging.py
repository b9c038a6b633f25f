"""Whether more than one lobe is infiltrated, as results of images on disk tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medai.errors import InputError

CT_FILES = ("summary.json", "classification.json")
XRAY_FILE = "xray.json"
# Under this share of a lung or lobe, in percent, what a model finds is taken for none.
LEAST_PERCENT = 1.0


@dataclass(frozen=True)
class ImagingEvidence:
    """What one result says.

    source: "CT" or "X-ray". right_percent, left_percent: opaque share of each lung, of its volume
    on CT and its area on a film; None where it is not known. multilobar: None where it can't tell.
    sentence: what that goes by.
    """

    source: str
    right_percent: float | None
    left_percent: float | None
    multilobar: bool | None
    sentence: str


def evidence_from_ct(folder: Path) -> ImagingEvidence:
    """Multilobar infiltrates by a folder of ``medai segment``, ``measure`` or ``classify``.

    By lobes where they are known; else opacity in both lungs is of two lobes at least, and
    opacity in one lung alone leaves the number open. Raises InputError where the folder holds no
    such result.
    """
    found = _read_first(folder, CT_FILES, "a result of medai segment, measure or classify")
    severity = found.get("severity") or {}
    lobes = severity.get("lobe_opacity_percent")
    healthy = found.get("healthy_opacity_percent") or 0.0
    least = max(LEAST_PERCENT, float(healthy))
    of = found.get("burden") or severity
    sides = of.get("right_opacity_percent"), of.get("left_opacity_percent")
    if lobes:
        opaque = [name for name, percent in lobes.items() if (percent or 0.0) >= least]
        said = f"CT: opacity of {least:g} % or more in {len(opaque)} lobes"
        return ImagingEvidence("CT", *sides, len(opaque) > 1, said)
    return _by_sides(*sides, least, "CT")


def evidence_from_xray(folder: Path) -> ImagingEvidence:
    """Multilobar infiltrates by a folder of ``medai xray``: opacity in both lungs.

    A frontal radiograph does not tell lobes of one lung apart. Raises InputError where the folder
    holds no such result.
    """
    found = _read_first(folder, (XRAY_FILE,), "a result of medai xray")
    images = found.get("images") or []
    if len(images) != 1:
        raise InputError(f"{folder.name} is of {len(images)} radiographs, expected one.")
    of = images[0]
    return _by_sides(
        of.get("right_opacity_percent"), of.get("left_opacity_percent"), LEAST_PERCENT, "X-ray"
    )


def _by_sides(right: float | None, left: float | None, least: float, what: str) -> ImagingEvidence:
    if right is None or left is None:
        return ImagingEvidence(what, right, left, None, f"{what}: a lung is not in view")
    opaque = [side for side, value in (("right", right), ("left", left)) if value >= least]
    shares = f"{right:.1f} % right, {left:.1f} % left"
    if len(opaque) == 2:
        several, said = True, f"opacity in both lungs ({shares})"
    elif not opaque:
        several, said = False, f"no opacity of {least:g} % or more ({shares})"
    else:
        several, said = None, f"opacity in the {opaque[0]} lung alone ({shares}); lobes unknown"
    return ImagingEvidence(what, right, left, several, f"{what}: {said}")


def _read_first(folder: Path, names: tuple[str, ...], expected: str) -> Mapping[str, Any]:
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise InputError(f"{folder.name} holds no {' or '.join(names)}, expected {expected}.")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{file.name} can't be read, expected {expected}.") from None
    if not isinstance(found, dict):
        raise InputError(f"{file.name} holds no result, expected {expected}.")
    return found
