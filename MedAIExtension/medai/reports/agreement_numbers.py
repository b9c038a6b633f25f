"""Numbers that the page and the summary of an agreement analysis share."""

from __future__ import annotations

from math import isfinite
from typing import Any

from medai.agreement.cohort import CohortResult
from medai.agreement.reliability import raters_needed

TARGET = 0.9


def wide_images(result: CohortResult) -> list[dict[str, Any]]:
    """One dict an image with all its measures, and why it was left out ("" if not)."""
    reasons = {row["image"]: row["reason"] for row in result.exclusions}
    wide: dict[str, dict[str, Any]] = {name: {"image": name} for name in result.images}
    for row in result.image_rows:
        wide[row["image"]][row["measure"]] = row["value"]
    for name, row in wide.items():
        row["excluded"] = reasons.get(name, "")
    return list(wide.values())


def raters_interval(result: CohortResult) -> tuple[int | None, int | None]:
    """Fewest and most raters that a reliability of 0.9 takes, by the ends of the mean ICC's
    95 % interval; None where no number is enough, or where there is no interval."""
    row = result.summary("pixel_icc")
    if row is None or not isfinite(row["low"]):
        return None, None
    ends = (min(max(row[end], 0.0), 1.0) for end in ("high", "low"))
    fewest, most = (raters_needed(end, TARGET) for end in ends)
    return fewest, most


def raters_for_target(result: CohortResult) -> int | None:
    """How many raters a consensus of reliability 0.9 takes, by the mean pixel ICC."""
    row = result.summary("pixel_icc")
    if row is None or not isfinite(row["mean"]):
        return None
    return raters_needed(min(max(row["mean"], 0.0), 1.0), TARGET)
