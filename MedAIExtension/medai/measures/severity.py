"""Severity of lung involvement: percentage of opacity and the scores that clinicians use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, InputError
from medai.measures.lesions import LesionBurden, interval_words

LOBE_NAMES = ("right upper", "right middle", "right lower", "left upper", "left lower")


@dataclass(frozen=True)
class Severity:
    """How severely the lungs are involved.

    opacity_percent: lesion volume in percent of lung volume (PO), 0..100; nan without lungs.
    high_opacity_percent: lesion of -200 HU and more in percent of lung volume.
    zone_scores: 0..4 for each of the six zones, None for a zone that is not in view.
    zone_score: their sum, 0..24; None when a zone is not in view. Not the published lobe score.
    lobe_opacity_percent, lobe_scores: for the five lobes; None without a lobe segmentation.
    lung_severity_score: LSS, the sum over lobes, 0..20; None without a lobe segmentation or when
        a lobe is not in view.
    lobe_ct_scores, ct_severity_score: 0..5 for the five lobes by ``ct_score``, and CT-SS, their
        sum, 0..25; None where the lung severity score is.
    opacity_interval_percent: the 95 % interval of opacity_percent (``LesionBurden``), or None.
    """

    opacity_percent: float
    right_opacity_percent: float
    left_opacity_percent: float
    high_opacity_percent: float
    zone_opacity_percent: dict[str, float]
    zone_scores: dict[str, int | None]
    zone_score: int | None
    lobe_opacity_percent: dict[str, float] | None
    lobe_scores: dict[str, int | None] | None
    lung_severity_score: int | None
    lobe_ct_scores: dict[str, int | None] | None = None
    ct_severity_score: int | None = None
    opacity_interval_percent: tuple[float, float] | None = None

    def opacity_words(self, of: str = "") -> str:
        """The percentage of opacity and its interval, if there is one: "5.0 % of lung (95 % …)".

        of: what follows the percent sign.
        """
        between = interval_words(self.opacity_interval_percent)
        return f"{self.opacity_percent:.1f} %{of}{f' ({between})' if between else ''}"


def involvement_score(opacity_percent: float) -> int | None:
    """0 none, 1 to 25 %, 2 to 50 %, 3 to 75 %, 4 above; None for nan.

    The percentage is rounded to a whole number first, as the classes are published: 0 %, 1–25 %,
    26–50 %, 51–75 %, 76–100 % (Bernheim et al., Radiology 2020; the review's lung severity score).
    """
    if not np.isfinite(opacity_percent):
        return None
    whole = int(np.floor(opacity_percent + 0.5))
    return 0 if whole == 0 else min(4, 1 + (whole - 1) // 25)


def ct_score(opacity_percent: float) -> int | None:
    """0 none, 1 under 5 %, 2 to 25 %, 3 to 49 %, 4 to 75 %, 5 above; None for nan.

    The percentage is rounded to a whole number first, as the classes are published: under 5 %,
    5–25 %, 26–49 %, 50–75 %, over 75 % (Pan et al., Radiology 2020;295:715).
    """
    if not np.isfinite(opacity_percent):
        return None
    whole = int(np.floor(opacity_percent + 0.5))
    return int(np.searchsorted((0, 4, 25, 49, 75), whole))


def severity(
    burden: LesionBurden,
    lesions: NDArray | None = None,
    lobes: NDArray[np.integer] | None = None,
) -> Severity:
    """The severity that follows from a lesion burden, with lobes when they are given.

    lesions: (z, y, x), non-zero inside lesions; needed with ``lobes``.
    lobes: (z, y, x) labels 1..5 in the order of LOBE_NAMES, 0 outside, on the same grid.
    Raises GeometryError when the grids differ, InputError on other labels or missing lesions.
    """
    zone_scores = {
        zone: involvement_score(percent) for zone, percent in burden.zone_opacity_percent.items()
    }
    lobe_percent = None if lobes is None else _lobe_percent(lesions, lobes)
    lobe_scores = (
        None
        if lobe_percent is None
        else {lobe: involvement_score(percent) for lobe, percent in lobe_percent.items()}
    )
    lobe_ct_scores = (
        None
        if lobe_percent is None
        else {lobe: ct_score(percent) for lobe, percent in lobe_percent.items()}
    )
    return Severity(
        opacity_percent=burden.opacity_percent,
        right_opacity_percent=burden.right_opacity_percent,
        left_opacity_percent=burden.left_opacity_percent,
        high_opacity_percent=burden.high_opacity_percent,
        zone_opacity_percent=dict(burden.zone_opacity_percent),
        zone_scores=zone_scores,
        zone_score=_total(zone_scores),
        lobe_opacity_percent=lobe_percent,
        lobe_scores=lobe_scores,
        lung_severity_score=None if lobe_scores is None else _total(lobe_scores),
        lobe_ct_scores=lobe_ct_scores,
        ct_severity_score=None if lobe_ct_scores is None else _total(lobe_ct_scores),
        opacity_interval_percent=burden.opacity_interval_percent,
    )


def severity_rows(severe: Severity) -> list[tuple[str, float, int | None]]:
    """(region, opacity in percent, score) for lungs, zones and, where known, lobes."""
    rows: list[tuple[str, float, int | None]] = [
        ("both lungs", severe.opacity_percent, None),
        ("right lung", severe.right_opacity_percent, None),
        ("left lung", severe.left_opacity_percent, None),
    ]
    rows += [
        (f"{zone} zone", percent, severe.zone_scores[zone])
        for zone, percent in severe.zone_opacity_percent.items()
    ]
    if severe.lobe_opacity_percent is not None and severe.lobe_scores is not None:
        rows += [
            (f"{lobe} lobe", percent, severe.lobe_scores[lobe])
            for lobe, percent in severe.lobe_opacity_percent.items()
        ]
    return rows


def require_lobes(lobes: NDArray[np.integer], shape: tuple[int, ...]) -> None:
    """Raise GeometryError unless lobes are on a grid of ``shape``, InputError on other labels."""
    if lobes.shape != shape:
        raise GeometryError(f"Lobes of shape {lobes.shape}, expected the lesions' grid {shape}.")
    least, most = int(lobes.min()), int(lobes.max())
    if least < 0 or most > len(LOBE_NAMES):
        raise InputError(f"Lobe labels from {least} to {most}, expected 0 to {len(LOBE_NAMES)}.")


def _lobe_percent(lesions: NDArray | None, lobes: NDArray[np.integer]) -> dict[str, float]:
    if lesions is None:
        raise InputError("Lobes were given without lesions: expected both on one grid.")
    require_lobes(lobes, lesions.shape)
    size = len(LOBE_NAMES) + 1
    lobe_voxels = np.bincount(lobes.ravel(), minlength=size)
    lesion_voxels = np.bincount(lobes[lesions != 0], minlength=size)
    return {
        name: 100.0 * lesion_voxels[label] / lobe_voxels[label]
        if lobe_voxels[label]
        else float("nan")
        for label, name in enumerate(LOBE_NAMES, start=1)
    }


def _total(scores: dict[str, int | None]) -> int | None:
    known = [score for score in scores.values() if score is not None]
    return sum(known) if len(known) == len(scores) else None
