"""The whole agreement analysis of a study in one call.

Per image: pixel ICC, its leave-one-rater-out values, Krippendorff's alpha, area ICCs, extents,
overlap, each rater against the majority of the others. Over images: exclusions, means with
standard errors, correlations, what agreement depends on, and the extent ICC (Hurault et al. 2022).
Every table is in long form: one dict per row, the same keys in each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from medai.agreement.alternative_annotator import AlternativeAnnotator, alternative_annotator
from medai.agreement.area_icc import AreaCounts, area_counts, area_iccs
from medai.agreement.cohort_image import ImageSummary, summarize
from medai.agreement.cohort_tables import (
    confounder_table,
    correlation_table,
    leave_one_out_table,
    summary_table,
)
from medai.agreement.extent_icc import ExtentIcc, extent_icc
from medai.agreement.headline import PIXEL_ICC, headline
from medai.agreement.icc_estimate import IccEstimate, LinkVariance, Method, undefined
from medai.agreement.pixel_icc import pixel_iccs
from medai.agreement.ratings import ImageRatings
from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import RatingError
from medai.progress import Progress, ProgressCallback, ignore_progress

Row = dict[str, Any]

ALPHA = "krippendorff_alpha"
# The ending of a measure's name for its value by Laplace, beside the exact one.
LAPLACE = "_laplace"
NOTHING = undefined("")
# Of the work that a progress bar shows, the share spent reading images.
_READING_SHARE = 0.7
_MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class CohortResult:
    """Tables of a study; see ``cohort`` for their columns.

    extent: ICC of the total extent over the images that are not excluded; extent_all: over every
    image, as the script published with the source paper computes it.
    """

    image_rows: tuple[Row, ...]
    rater_rows: tuple[Row, ...]
    exclusions: tuple[Row, ...]
    summary_rows: tuple[Row, ...]
    correlation_rows: tuple[Row, ...]
    leave_one_out_rows: tuple[Row, ...]
    confounder_rows: tuple[Row, ...]
    extent: ExtentIcc | None
    candidates: tuple[AlternativeAnnotator, ...]
    raters: tuple[str, ...]
    images: tuple[str, ...]
    method: str
    link_variance: str
    grids: tuple[int, ...]
    notes: tuple[str, ...] = field(default=())
    extent_all: ExtentIcc | None = None
    regions: int = 0
    exclude_above: float = 0.95
    exclude_below: float = 0.05
    seed: int = 0

    def value(self, image: str, measure: str) -> float:
        """One number of the per-image table; nan where there is none."""
        for row in self.image_rows:
            if row["image"] == image and row["measure"] == measure:
                return float(row["value"])
        return float("nan")

    def summary(self, measure: str) -> Row | None:
        """The summary row of a measure."""
        return next((row for row in self.summary_rows if row["measure"] == measure), None)

    @property
    def sentence(self) -> str:
        """The result in a few sentences; see ``headline``."""
        return headline(self)

    @property
    def given(self) -> int:
        """How many images there were, those of a single rater included."""
        return len({*self.images, *(row["image"] for row in self.exclusions)})


def cohort(
    images: Iterable[ImageRatings],
    *,
    grids: Sequence[int] = (10, 15, 20),
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
    leave_one_out: bool = True,
    surfaces: bool = False,
    exclude_above: float = 0.95,
    exclude_below: float = 0.05,
    covariates: Sequence[str] | None = None,
    candidates: Sequence[str] = (),
    epsilon: float = 0.2,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
    total: int | None = None,
) -> CohortResult:
    """Analyse the agreement of raters over many images.

    images: read one by one, so a generator keeps memory small; raters may differ from image to
        image. Images of one rater are listed as excluded.
    grids: divisions for the area ICC. surfaces: also Hausdorff and surface distances (slower).
    method, link_variance: as pixel_icc. covariates: names for the confounder model; None takes
        all that occur. candidates: names of models (or new raters) among the raters: left out of
        every agreement measure, compared by ``alternative_annotator`` and scored like a rater.
    epsilon: of that test, how much worse a candidate may be than a rater, 0..1.
    exclude_above, exclude_below: an image in which more than half of the raters marked more (less)
        than this share of the region of interest is left out of the agreement summaries, since
        chance and agreement can't be told apart there; 1 and 0 keep all. Performance and overlap
        are summarised over all images.
    bootstrap, seed: of the extent ICC and the candidates.
    progress: called with the fraction done and what is happening; total: number of images, when
        known. cancelled: asked between images; true raises CancelledError.

    The tables (``CohortResult``), one dict per row:
        image_rows: image, measure, value, note. Measures: pixel_icc with its variances and 95 %
            interval (pixel_icc_low, pixel_icc_high), krippendorff_alpha, area_icc_10 …, the ICCs by
            Laplace beside exact ones (pixel_icc_laplace, area_icc_10_laplace …), extent (mean over
            raters), dice and iou (mean over pairs), accuracy … mcc (mean over raters),
            naive_accuracy …, with surfaces the distances.
        rater_rows: image, rater, measure, value (extent, accuracy … mcc, pixel_icc_without).
        exclusions: image, reason.
        summary_rows: measure, images, mean, sd, se, median, low, high, poor_share,
            excellent_share.
        correlation_rows: first, second, r, low, high, images.
        leave_one_out_rows: rater, images, mean_with, mean_without, difference, low, high (pixel
            ICC without the rater − with all).
        confounder_rows: measure, term, coefficient, standard_error, low, high, p, p_holm (over all
            terms and measures but the intercepts), images.
    Raises RatingError when there is no image with two raters.

    >>> masks = (np.random.default_rng(0).random((4, 3, 16, 16)) < 0.3) | np.eye(16, dtype=bool)
    >>> images = [ImageRatings(f"case {k}", masks[k], ("a", "b", "c")) for k in range(4)]
    >>> result = cohort(images, grids=(4,), bootstrap=0)
    >>> result.summary("pixel_icc")["images"], len(result.leave_one_out_rows)
    (4, 3)
    """
    summaries: list[ImageSummary] = []
    areas: dict[int, list[AreaCounts]] = {grid: [] for grid in grids}
    exclusions: list[Row] = []
    known: set[str] = set()
    regions = 0
    for number, image in enumerate(images):
        raise_if_cancelled(cancelled)
        share = number / total if total else number / (number + 10.0)
        told = f"Counting the ratings of {image.name}"
        progress(Progress(_READING_SHARE * min(share, 1.0), told))
        if image.name in known:
            raise RatingError(f"{image.name}: two images of the same name.")
        known.add(image.name)
        people = [k for k, name in enumerate(image.raters) if name not in candidates]
        if len(people) < 2:
            few = "no rater" if not people else "1 rater"
            exclusions.append({"image": image.name, "reason": few})
            continue
        summary = summarize(image, people, exclude_above, exclude_below, surfaces=surfaces)
        summaries.append(summary)
        regions += image.roi is not None
        if summary.exclusion:
            exclusions.append({"image": image.name, "reason": summary.exclusion})
        masks = [np.asarray(image.masks[k]) for k in people]
        for grid in grids:
            areas[grid].append(area_counts(masks, image.roi, grid))
    if not summaries:
        raise RatingError("No image with two raters: agreement needs at least one.")
    progress(Progress(_READING_SHARE, "Fitting the pixel models"))
    _add_pixel_iccs(summaries, method, link_variance, leave_one_out)
    for place, grid in enumerate(grids):
        raise_if_cancelled(cancelled)
        told = f"Fitting the area models, {grid} cells a side"
        progress(Progress(0.8 + 0.15 * place / len(grids), told))
        _add_area_iccs(summaries, areas[grid], f"area_icc_{grid}", method, link_variance)
    progress(Progress(0.97, "Comparing images"))
    result = _assemble(
        summaries,
        exclusions,
        tuple(grids),
        method,
        link_variance,
        covariates,
        candidates,
        epsilon,
        bootstrap,
        seed,
    )
    return replace(
        result, regions=regions, exclude_above=exclude_above, exclude_below=exclude_below
    )


def _add_pixel_iccs(
    summaries: list[ImageSummary], method: Method, link_variance: LinkVariance, leave_one_out: bool
) -> None:
    # One fit for all images, and for all images without each rater in turn.
    everyone = [summary.patterns for summary in summaries]
    reduced = [
        (summary, rater, summary.patterns.without(rater))
        for summary in summaries
        for rater in range(summary.patterns.raters)
        if leave_one_out and summary.patterns.raters > 2
    ]
    found = pixel_iccs(everyone, method=method, link_variance=link_variance)
    without = pixel_iccs(
        [patterns for _, _, patterns in reduced],
        method=method,
        link_variance=link_variance,
        intervals=False,
    )
    published = _published(pixel_iccs, everyone, method, link_variance)
    for summary, icc, other in zip(summaries, found, published, strict=False):
        summary.add(PIXEL_ICC, icc.icc, icc.reason)
        if method == "exact":
            summary.add(f"{PIXEL_ICC}_low", icc.low)
            summary.add(f"{PIXEL_ICC}_high", icc.high)
            summary.add(f"{PIXEL_ICC}{LAPLACE}", other.icc, other.reason)
        for name in ("unit", "rater", "link"):
            summary.add(f"variance_{name}", getattr(icc, f"variance_{name}"), icc.reason)
    for (summary, rater, _), icc in zip(reduced, without, strict=True):
        summary.add_rater(rater, "pixel_icc_without", icc.icc)


def _add_area_iccs(
    summaries: list[ImageSummary],
    counts: list[AreaCounts],
    measure: str,
    method: Method,
    link_variance: LinkVariance,
) -> None:
    found = area_iccs(counts, method=method, link_variance=link_variance)
    published = _published(area_iccs, counts, method, link_variance)
    for summary, icc, other in zip(summaries, found, published, strict=True):
        summary.add(measure, icc.icc, icc.reason)
        if method == "exact":
            summary.add(f"{measure}{LAPLACE}", other.icc, other.reason)


def _published(
    fit: Callable[..., list[IccEstimate]],
    data: Sequence[Any],
    method: Method,
    link_variance: LinkVariance,
) -> list[IccEstimate]:
    """The same by Laplace, as published studies have it, to stand beside exact values."""
    if method == "laplace":
        return [NOTHING] * len(data)
    return fit(data, method="laplace", link_variance=link_variance)


def _assemble(
    summaries: list[ImageSummary],
    exclusions: list[Row],
    grids: tuple[int, ...],
    method: str,
    link_variance: str,
    covariates: Sequence[str] | None,
    candidates: Sequence[str],
    epsilon: float,
    bootstrap: int,
    seed: int,
) -> CohortResult:
    included = [summary for summary in summaries if not summary.exclusion]
    names = sorted({name for summary in summaries for name in summary.raters})
    agreement = [PIXEL_ICC, ALPHA, *(f"area_icc_{grid}" for grid in grids)]
    shown = [*agreement]
    if method == "exact":
        shown += [f"{measure}{LAPLACE}" for measure in agreement if measure != ALPHA]
    notes: list[str] = []
    rows, problems = confounder_table(included, agreement, covariates)
    notes += problems
    notes += _fewer_raters(summaries)
    extent = _extent_of(included, names, bootstrap, seed)
    if extent is None:
        notes.append("Fewer than two images to summarize: no extent ICC.")
    compared = []
    for candidate in candidates:
        try:
            compared.append(
                alternative_annotator(
                    candidate,
                    [(s.name, s.all_raters, s.all_patterns) for s in summaries],
                    epsilon=epsilon,
                    seed=seed,
                )
            )
        except RatingError as error:
            notes.append(str(error))
    return CohortResult(
        image_rows=tuple(row for summary in summaries for row in summary.image_rows),
        rater_rows=tuple(row for summary in summaries for row in summary.rater_rows),
        exclusions=tuple(exclusions),
        summary_rows=summary_table(summaries, included, shown),
        correlation_rows=correlation_table(included, [*agreement, "dice", "accuracy", "mcc"]),
        leave_one_out_rows=leave_one_out_table(included, names),
        confounder_rows=rows,
        extent=extent,
        candidates=tuple(compared),
        raters=tuple(names),
        images=tuple(summary.name for summary in summaries),
        method=method,
        link_variance=link_variance,
        grids=grids,
        seed=seed,
        notes=tuple(notes),
        extent_all=(
            extent
            if len(included) == len(summaries)
            else _extent_of(summaries, names, bootstrap, seed)
        ),
    )


def _fewer_raters(summaries: Sequence[ImageSummary]) -> list[str]:
    """A note that names the images which fewer raters saw than others."""
    most = max(len(summary.raters) for summary in summaries)
    fewer = [s for s in summaries if len(s.raters) < most]
    if not fewer:
        return []
    named = ", ".join(f"{s.name} ({len(s.raters)})" for s in fewer[:_MOST_NAMED])
    more = f" and {len(fewer) - _MOST_NAMED} more" if len(fewer) > _MOST_NAMED else ""
    return [f"Fewer raters than the {most} of other images: {named}{more}."]


def _extent_of(
    summaries: Sequence[ImageSummary], names: list[str], bootstrap: int, seed: int
) -> ExtentIcc | None:
    """ICC of the total extent over these images; None for fewer than two."""
    if len(summaries) < 2:
        return None
    table = np.full((len(summaries), len(names)), np.nan)
    for place, summary in enumerate(summaries):
        for name, value in zip(summary.raters, summary.adjusted_extents, strict=True):
            table[place, names.index(name)] = value
    return extent_icc(table, bootstrap=bootstrap, seed=seed)
