"""What a cohort keeps of one image: its counts and its rows, not its masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medai.agreement.alpha import alpha_of_patterns
from medai.agreement.alternative_annotator import dice_matrix
from medai.agreement.categories import CategoryPatterns
from medai.agreement.extent_icc import adjusted_extent
from medai.agreement.overlap import pairwise_overlap
from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.performance import MEASURES, performance, rates
from medai.agreement.ratings import ImageRatings
from medai.errors import RatingError

DISTANCES = ("hausdorff", "hausdorff95", "mean_surface")


@dataclass(eq=False)
class ImageSummary:
    """Counts and measures of one image.

    patterns: of the raters; all_patterns: with the candidates too. exclusion: why the image is
    left out of the agreement summaries, "" when it is not.
    """

    name: str
    raters: tuple[str, ...]
    patterns: RatingPatterns
    all_raters: tuple[str, ...]
    all_patterns: RatingPatterns
    covariates: Mapping[str, float | str]
    adjusted_extents: tuple[float, ...]
    exclusion: str
    values: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    rater_values: list[dict[str, float]] = field(default_factory=list)

    def add(self, measure: str, value: float, note: str = "") -> None:
        """Record a measure of the image."""
        self.values[measure] = value
        if note:
            self.notes[measure] = note

    def add_rater(self, rater: int, measure: str, value: float) -> None:
        """Record a measure of one rater on the image."""
        self.rater_values[rater][measure] = value

    @property
    def image_rows(self) -> list[dict[str, Any]]:
        """Rows of the per-image table."""
        return [
            {
                "image": self.name,
                "measure": measure,
                "value": value,
                "note": self.notes.get(measure, ""),
            }
            for measure, value in self.values.items()
        ]

    @property
    def rater_rows(self) -> list[dict[str, Any]]:
        """Rows of the per-rater table."""
        return [
            {"image": self.name, "rater": rater, "measure": measure, "value": value}
            for rater, values in zip(self.all_raters, self.rater_values, strict=True)
            for measure, value in values.items()
        ]


def summarize(
    image: ImageRatings,
    people: Sequence[int],
    exclude_above: float,
    exclude_below: float,
    *,
    surfaces: bool,
) -> ImageSummary:
    """Count the image's patterns and take every measure that needs no model fit.

    people: indices of the raters; the others are candidates. exclude_above, exclude_below,
    surfaces: as ``cohort``. Errors name the image.
    """
    try:
        order = [*people, *(k for k in range(len(image.raters)) if k not in people)]
        everyone = rating_patterns([image.masks[k] for k in order], image.roi)
        raters = everyone.select(range(len(people)))
        summary = ImageSummary(
            name=image.name,
            raters=tuple(image.raters[k] for k in people),
            patterns=raters,
            all_raters=tuple(image.raters[k] for k in order),
            all_patterns=everyone,
            covariates=dict(image.covariates),
            adjusted_extents=(),
            exclusion="",
            rater_values=[{} for _ in order],
        )
        _extents(summary, exclude_above, exclude_below)
        _performance(summary)
        _overlap(summary, image, people, surfaces)
        summary.add(*_alpha(raters))
    except RatingError as error:
        raise RatingError(f"{image.name}: {error}") from error
    return summary


def _alpha(patterns: RatingPatterns) -> tuple[str, float, str]:
    categories = CategoryPatterns(
        np.array([0.0, 1.0]), patterns.ratings.astype(np.intp), patterns.counts
    )
    value = alpha_of_patterns(categories)
    note = "" if np.isfinite(value) else "every rating is the same"
    return "krippendorff_alpha", value, note


def _extents(summary: ImageSummary, exclude_above: float, exclude_below: float) -> None:
    patterns = summary.all_patterns
    marked = (patterns.counts[:, None] * (patterns.ratings == 1)).sum(axis=0)
    units = patterns.units
    share = marked / units
    for rater in range(len(summary.all_raters)):
        summary.add_rater(rater, "extent", float(share[rater]))
    people = len(summary.raters)
    summary.add("roi_units", float(units))
    summary.add("extent", float(share[:people].mean()))
    summary.adjusted_extents = tuple(adjusted_extent(marked[:people], units).tolist())
    summary.exclusion = reason_to_leave_out(summary.patterns, exclude_above, exclude_below)


def reason_to_leave_out(
    patterns: RatingPatterns, exclude_above: float = 0.95, exclude_below: float = 0.05
) -> str:
    """Why an image doesn't count in the means of ICC and alpha; "" when it does.

    It is left out when more than half of the raters marked more than ``exclude_above``, or less
    than ``exclude_below``, of the region (Hurault et al., exclusion of images).
    """
    marked = (patterns.counts[:, None] * (patterns.ratings == 1)).sum(axis=0)
    share = marked / patterns.units
    reason = ""
    for text, many in (
        (f"more than {100 * exclude_above:g} %", share > exclude_above),
        (f"less than {100 * exclude_below:g} %", share < exclude_below),
    ):
        if 2 * many.sum() > len(share):
            reason = f"{int(many.sum())} of {len(share)} raters marked {text} of the region"
    return reason


def _performance(summary: ImageSummary) -> None:
    table = performance(summary.patterns)
    for rater, scores in enumerate(table.raters):
        for measure, value in rates(scores).items():
            summary.add_rater(rater, measure, value)
    for measure in MEASURES:
        summary.add(measure, table.mean[measure])
    for measure in MEASURES:
        summary.add(f"naive_{measure}", table.naive_mean[measure])
    people = list(range(len(summary.raters)))
    for candidate in range(len(people), len(summary.all_raters)):
        # A candidate is held against the majority of all raters.
        with_it = performance(summary.all_patterns.select([candidate, *people])).raters[0]
        for measure, value in rates(with_it).items():
            summary.add_rater(candidate, measure, value)


def _overlap(
    summary: ImageSummary, image: ImageRatings, people: Sequence[int], surfaces: bool
) -> None:
    pairs = np.triu_indices(len(people), 1)
    dice = dice_matrix(summary.patterns, both_empty=float("nan"))[pairs]
    iou = dice / (2.0 - dice)
    for measure, values in (("dice", dice), ("iou_pairs", iou)):
        finite = values[np.isfinite(values)]
        summary.add(
            measure,
            float(finite.mean()) if finite.size else float("nan"),
            "" if finite.size else "all masks are empty",
        )
    if not surfaces:
        return
    masks = [image.masks[k] for k in people]
    found = pairwise_overlap(masks, image.roi, image.spacing_mm)
    # Without a spacing a grid step is the unit: those are pixels, not mm.
    unit = "pixels" if image.spacing_mm is None else "mm"
    for distance in DISTANCES:
        values = np.array([getattr(pair, f"{distance}_mm") for pair in found])
        finite = values[np.isfinite(values)]
        summary.add(
            f"{distance}_{unit}",
            float(finite.mean()) if finite.size else float("nan"),
            next((pair.reason for pair in found if pair.reason), ""),
        )
