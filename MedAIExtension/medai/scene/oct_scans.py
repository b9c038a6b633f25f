"""Scans of an eye as a node: a stack that scrolls, with their names and the user's crop boxes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from medai.images.crop_box import CropBox, parse_crop
from medai.images.oct_scans import Eye, EyeScans, eye_from_volume
from medai.scene.volumes import show_volume, volume_from_node, world_matrix

_NAMES = "MedAI.scanNames"
_CROPS = "MedAI.crops"


def show_scans(scans: EyeScans) -> Any:
    """A volume node of an eye's scans, one slice a scan; the scans keep their names in it."""
    node = show_volume(replace(scans.volume, name=scans.label))
    node.SetAttribute(_NAMES, json.dumps(scans.names))
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0, 200)
    return node


def scans_from_node(node: Any, eye: Eye = "") -> EyeScans:
    """The scans that a volume node holds, of ``eye``, with the crop boxes placed on them.

    Raises UnsuitableImageError for a node that holds no OCT scans.
    """
    scans = eye_from_volume(volume_from_node(node), eye)
    count = len(scans.names)
    names = _texts(node, _NAMES, count) or scans.names
    return EyeScans(eye, scans.label, scans.volume, names, placed_crops(node, count))


def placed_crops(node: Any, count: int) -> tuple[CropBox | None, ...]:
    """The box that the user placed on each of ``count`` scans of a node, None where there is none.

    They are kept with the node, so a saved scene has them.
    """
    texts = _texts(node, _CROPS, count) or ("",) * count
    return tuple(parse_crop(text) if text else None for text in texts)


def place_crop(node: Any, scan: int, box: CropBox | None) -> None:
    """Keep a box placed on one scan of a node; None leaves the scan to the automatic proposal."""
    count = node.GetImageData().GetDimensions()[2]
    crops = list(placed_crops(node, count))
    crops[scan] = box
    node.SetAttribute(_CROPS, json.dumps(["" if crop is None else str(crop) for crop in crops]))


def scan_ras(node: Any, scan: int) -> tuple[float, float, float]:
    """The middle of one scan of a volume node, RAS in mm, to which views can jump."""
    columns, rows, _ = node.GetImageData().GetDimensions()
    r, a, s, _ = world_matrix(node) @ [(columns - 1) / 2, (rows - 1) / 2, scan, 1.0]
    return float(r), float(a), float(s)


def _texts(node: Any, attribute: str, count: int) -> tuple[str, ...]:
    try:
        texts = json.loads(node.GetAttribute(attribute) or "[]")
    except ValueError:
        return ()
    return tuple(map(str, texts)) if isinstance(texts, list) and len(texts) == count else ()
