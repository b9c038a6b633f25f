"""Cataract fraction (S5): how much of the lens that is seen is opaque, by scan and by eye."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.measures.lens_depth import DEPTH_NAMES, DepthProfile, depth_profile

# Under this share of the picture what was found is no lens to measure: the lens behind a pupil of
# 2 mm fills about 4 % of a scan.
MINIMUM_LENS_SHARE = 0.01
PAPER_THRESHOLD = 0.14  # optimal on the paper's validation set


@dataclass(frozen=True, eq=False)
class ScanMeasure:
    """One scan.

    cataract_fraction: cataract pixels / lens pixels; nan where ``reason`` says why there is none.
    lens_area_px, cataract_area_px: pixels; lens_area_mm2: nan without a known pixel size.
    average_lens_density: mean grey value (0..255) of the lens.
    depth_fraction, depth_density: cataract fraction and mean grey value of DEPTH_NAMES, the thirds
    of the lens from front to back.
    """

    name: str
    cataract_fraction: float
    lens_area_px: int
    cataract_area_px: int
    lens_area_mm2: float
    average_lens_density: float
    depth_fraction: tuple[float, float, float]
    depth_density: tuple[float, float, float]
    profile: DepthProfile
    reason: str = ""


@dataclass(frozen=True)
class EyeMeasure:
    """One eye: means over its scans that have a number.

    low, high: the scans' smallest and largest cataract fraction; std: their standard deviation
    (n − 1), nan for fewer than two. mostly: where most of the cataract lies, "nuclear", "anterior
    cortical" or "posterior", "" below the threshold. wording: what the fraction is consistent
    with, never a diagnosis.
    """

    label: str
    scans: int
    scans_used: int
    cataract_fraction: float
    low: float
    high: float
    std: float
    average_lens_density: float
    depth_fraction: tuple[float, float, float]
    depth_density: tuple[float, float, float]
    threshold: float
    mostly: str
    wording: str


@dataclass(frozen=True)
class Repeatability:
    """How alike repeated measurements of the same eyes are.

    within_std: standard deviation within an eye. coefficient: 1.96 · √2 · within_std, the
    difference that two measurements of one eye stay under in 95 % (Bland and Altman 1999).
    icc: one-way random, single measurement, ICC(1,1) (Shrout and Fleiss 1979).
    """

    eyes: int
    repeats: int
    within_std: float
    coefficient: float
    icc: float


def measure_scan(
    name: str,
    pixels: NDArray,
    lens: NDArray[np.bool_],
    cataract: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None = None,
) -> ScanMeasure:
    """Measure one scan; pixels, lens and cataract are (y, x), spacing_mm is (y, x).

    Cataract outside the lens does not count. A lens of less than 1 % of the picture gives no
    number but a reason. Raises InputError where the shapes differ.
    """
    if not pixels.shape == lens.shape == cataract.shape:
        raise InputError(
            f"{name}: pixels {pixels.shape}, lens {lens.shape} and cataract {cataract.shape} "
            "differ in shape, expected one (rows, columns)."
        )
    lens = lens.astype(bool, copy=False)
    cataract = lens & cataract.astype(bool, copy=False)
    area, opaque = int(np.count_nonzero(lens)), int(np.count_nonzero(cataract))
    profile = depth_profile(pixels, lens, cataract)
    thirds = profile.thirds
    mm2 = area * spacing_mm[0] * spacing_mm[1] if spacing_mm is not None else math.nan
    least = math.ceil(MINIMUM_LENS_SHARE * lens.size)
    if area < least:
        nothing = (math.nan,) * 3
        reason = f"only {area} lens pixels were found, at least {least} are needed"
        return ScanMeasure(
            name, math.nan, area, opaque, mm2, math.nan, nothing, nothing, profile, reason
        )
    a, b, c = (part[1] / part[0] if part[0] else math.nan for part in thirds)
    return ScanMeasure(
        name,
        opaque / area,
        area,
        opaque,
        mm2,
        float(np.nansum(profile.density * profile.lens_px) / area),
        (a, b, c),
        (thirds[0][2], thirds[1][2], thirds[2][2]),
        profile,
    )


def measure_eye(
    label: str,
    scans: Sequence[ScanMeasure],
    threshold: float = PAPER_THRESHOLD,
    *,
    unread: int = 0,
) -> EyeMeasure:
    """Average the scans of one eye; scans without a number are left out and counted.

    unread: how many more scans of the eye could not be read. An eye of which fewer than half of
    the scans have a number has none itself.
    """
    used = [scan for scan in scans if not scan.reason]
    usable, given = len(used), len(scans) + unread
    if 2 * usable < given:
        used = []
    fractions = np.array([scan.cataract_fraction for scan in used])
    fraction = float(fractions.mean()) if used else math.nan
    low, high = (float(fractions.min()), float(fractions.max())) if used else (math.nan, math.nan)
    by_depth = _mean([scan.depth_fraction for scan in used])
    return EyeMeasure(
        label=label,
        scans=given,
        scans_used=usable,
        cataract_fraction=fraction,
        low=low,
        high=high,
        std=float(fractions.std(ddof=1)) if len(used) > 1 else math.nan,
        average_lens_density=(
            float(np.mean([scan.average_lens_density for scan in used])) if used else math.nan
        ),
        depth_fraction=by_depth,
        depth_density=_mean([scan.depth_density for scan in used]),
        threshold=threshold,
        mostly=_mostly(used, fraction, threshold),
        wording=_wording(fraction, threshold),
    )


def eye_sentence(eye: EyeMeasure) -> str:
    """ "Right eye: cataract fraction 0.31 (0.27–0.36 over six scans), mostly nuclear." """
    if not eye.scans_used:
        return f"{eye.label}: no cataract fraction, no lens was found in {_scans(eye.scans)}."
    if math.isnan(eye.cataract_fraction):
        return (
            f"{eye.label}: no cataract fraction, only {eye.scans_used} of {eye.scans} scans could "
            "be used."
        )
    spread = f"{eye.low:.2f}–{eye.high:.2f} over {_scans(eye.scans_used)}"
    if eye.scans_used == 1:
        spread = "one scan"
    where = f", mostly {eye.mostly}" if eye.mostly else ""
    left_out = eye.scans - eye.scans_used
    rest = f"; {_scans(left_out)} left out" if left_out else ""
    return f"{eye.label}: cataract fraction {eye.cataract_fraction:.2f} ({spread}){where}{rest}."


def repeatability(fractions: NDArray) -> Repeatability:
    """Repeatability of cataract fractions (eyes, repeats) measured again and again.

    Raises InputError for fewer than two eyes or repeats, or missing values.
    """
    values = np.asarray(fractions, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise InputError(
            f"Repeatability of an array {values.shape}: expected at least two eyes by two repeats, "
            "none missing."
        )
    eyes, repeats = values.shape
    within = float(values.var(axis=1, ddof=1).mean())
    between = float(repeats * values.mean(axis=1).var(ddof=1))
    total = between + (repeats - 1) * within
    icc = (between - within) / total if total > 0 else math.nan
    std = math.sqrt(within)
    return Repeatability(eyes, repeats, std, 1.96 * math.sqrt(2) * std, icc)


def _mean(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    if not rows:
        return math.nan, math.nan, math.nan
    a, b, c = (float(v) for v in np.mean(np.array(rows), axis=0))
    return a, b, c


def _mostly(scans: Sequence[ScanMeasure], fraction: float, threshold: float) -> str:
    if not fraction >= threshold:
        return ""
    opaque = np.sum([[part[1] for part in scan.profile.thirds] for scan in scans], axis=0)
    words = dict(zip(DEPTH_NAMES, ("anterior cortical", "nuclear", "posterior"), strict=True))
    return words[DEPTH_NAMES[int(np.argmax(opaque))]]


def _wording(fraction: float, threshold: float) -> str:
    if math.isnan(fraction):
        return "no number"
    if fraction >= threshold:
        return f"{threshold:g} or more: consistent with cataract, not a diagnosis"
    return f"below {threshold:g}: consistent with a clear lens, not a diagnosis"


def _scans(count: int) -> str:
    if count == 1:
        return "one scan"
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
    return f"{words.get(count, count)} scans"
