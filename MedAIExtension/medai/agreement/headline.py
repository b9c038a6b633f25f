"""The result of a cohort in a few sentences, nothing that was left out kept back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from medai.agreement.icc_estimate import POOR_BELOW, reading

if TYPE_CHECKING:
    from medai.agreement.cohort import CohortResult

PIXEL_ICC = "pixel_icc"


def headline(result: CohortResult) -> str:
    """Agreement with its interval, then what was left out, why, and what it would change."""
    return _agreement(result) + _left_out(result) + _unequal(result)


def _agreement(result: CohortResult) -> str:
    row = result.summary(PIXEL_ICC)
    if row is None or not np.isfinite(row["mean"]):
        return "Pixel agreement could not be measured on any image."
    mean = row["mean"]
    text = f"Pixel agreement is {reading(mean)}: "
    if row["images"] == 1:
        return text + f"ICC {mean:.2f}{_single_interval(result)}."
    low, high = max(row["low"], 0.0), min(row["high"], 1.0)
    return text + (
        f"mean ICC {mean:.2f} ({low:.2f}–{high:.2f}; SE {row['se']:.2f}) over {row['images']} "
        f"images; {100 * row['poor_share']:.0f} % of images below {POOR_BELOW:g}."
    )


def _single_interval(result: CohortResult) -> str:
    excluded = {row["image"] for row in result.exclusions}
    for image in result.images:
        low, high = (result.value(image, f"{PIXEL_ICC}_{end}") for end in ("low", "high"))
        if image not in excluded and np.isfinite(low):
            return f" ({low:.2f}–{high:.2f})"
    return ""


def _left_out(result: CohortResult) -> str:
    """How many images were left out, why, and the mean ICC with those that have one."""
    if not result.exclusions:
        return ""
    kinds = Counter(_kind(row["reason"]) for row in result.exclusions)
    why = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    text = f" {len(result.exclusions)} of {_images(result.given)} left out ({why})"
    excluded = {row["image"] for row in result.exclusions}
    values = {
        row["image"]: row["value"]
        for row in result.image_rows
        if row["measure"] == PIXEL_ICC and np.isfinite(row["value"])
    }
    back = len(excluded & set(values))
    if back:
        mean = float(np.mean(list(values.values())))
        those = "them" if back == len(excluded) else f"{back} of them"
        text += f": with {those} the mean ICC is {mean:.2f}"
    return text + "."


def _kind(reason: str) -> str:
    if "more than" in reason:
        return "marked almost wholly"
    return "hardly marked" if "less than" in reason else "of fewer than two raters"


def _unequal(result: CohortResult) -> str:
    """How many images fewer raters outlined than others; those left out for it not counted."""
    models = {candidate.candidate for candidate in result.candidates}
    raters = Counter(
        row["image"]
        for row in result.rater_rows
        if row["measure"] == "extent" and row["rater"] not in models
    )
    fewer = sum(count < max(raters.values()) for count in raters.values())
    return f" {_images(fewer)} had fewer raters than the others." if fewer else ""


def _images(count: int) -> str:
    return f"{count} image" if count == 1 else f"{count} images"
