"""The synthetic reference cases and what R and Python packages printed for them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "gold"
CASES = (
    "a_good4",
    "b_moderate4",
    "c_poor4",
    "d_three",
    "e_five",
    "f_sparse4",
    "g_wide4",
    "h_outlier4",
)
GRIDS = (10, 15, 20)


@cache
def masks_and_skin(case: str) -> tuple[np.ndarray, np.ndarray]:
    """masks (raters, rows, columns) and the region of interest."""
    with np.load(FOLDER / f"{case}.npz") as stored:
        return stored["masks"], stored["skin"]


@cache
def reference(name: str) -> Any:
    """The numbers of a case, or of ``chance_corrected`` or ``extent``."""
    return json.loads((FOLDER / f"{name}.json").read_text())
