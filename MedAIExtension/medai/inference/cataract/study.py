"""What a row of a study list is to the cataract networks: one person's scans, and how to map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medai.images.oct_scans import EyeScans, parse_eye, read_eyes
from medai.inference.cataract.result import CataractOptions


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[tuple[EyeScans, ...], CataractOptions]:
    """The scans at ``path`` and their options. cells: eye. Raises as ``read_eyes``.

    name: not used, each scan has its own.
    """
    scans = read_eyes([path], eye=parse_eye(cells.get("eye")))
    return scans, CataractOptions(device=device)
