"""What a row of a study list is to the lesion networks: a chest CT, and how to segment it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from medai.images import Volume, read_volume
from medai.inference.lesions.result import LesionOptions


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[Volume, LesionOptions]:
    """The study at ``path``, called ``name``, and its options.

    cells: series, lungs (a mask's path). Raises as ``read_volume``.
    """
    lungs = read_volume(Path(cells["lungs"])) if "lungs" in cells else None
    volume = replace(read_volume(path, series=cells.get("series")), name=name)
    return volume, LesionOptions(device=device, lungs=lungs)
