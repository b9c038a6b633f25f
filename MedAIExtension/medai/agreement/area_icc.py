"""Agreement on how much of each area of an image is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.agreement.area_fit import fit_areas
from medai.agreement.binomial_table import BinomialTable
from medai.agreement.icc_estimate import (
    CONFIDENCE,
    IccEstimate,
    LinkVariance,
    Method,
    estimate,
    link_variance_of,
    perfect,
    too_small,
    undefined,
)
from medai.agreement.icc_profile import icc_interval
from medai.agreement.mixed_model import fit_mixed_model
from medai.agreement.pixel_icc import ALL_ALIKE, check_method
from medai.agreement.ratings import check_masks, check_roi, flat_chunks
from medai.errors import RatingError

ONE_CELL = "the region of interest touches a single cell"
SAME_COUNTS = "every rater marked the same share of every cell"
_CHUNK_UNITS = 1 << 18
# How far Laplace's log-likelihood may lie above the exact one where neither is spurious.
_LAPLACE_ERROR = 3.0


@dataclass(frozen=True, eq=False)
class AreaCounts:
    """Marked units per area and rater.

    marked: (cells, raters) int64. units: (cells,) int64, units of the region of interest in the
    cell; cells without any are left out.
    """

    marked: NDArray[np.int64]
    units: NDArray[np.int64]


def area_icc(
    masks: ArrayLike | Sequence[ArrayLike],
    roi: ArrayLike | None = None,
    grid: int = 10,
    *,
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
) -> IccEstimate:
    """ICC of the marked proportion of each cell of a ``grid`` × ``grid`` (× ``grid``) division.

        logit P(marked) = β + cell + rater + observation
        ICC = V_cell / (V_cell + V_rater + V_observation + V_link)

    masks: (raters, *grid) of 0 and 1, at least 2 raters. roi: (*grid) or None.
    link_variance: "meanobs" takes p as the mean of the proportions, each cell and rater once.
    The observation effect is over-dispersion.
    method: "exact" integrates over cell and observation effects and gives an interval; "laplace"
        is the approximation that lme4 and rptR make. Its highest likelihood can lie at a spurious
        point of huge over-dispersion, where the ICC is near 0.
    Reading: < 0.5 poor, > 0.9 excellent (Koo and Li 2016). nan, with its reason, where every
    rating is the same or there is only one cell. Raters who marked the same share of every cell
    give 1, as on pixels, though the model has no such limit; ``reason`` says so.
    Raises RatingError as pixel_icc does, and on a grid below 2.
    Source: Hurault et al. 2022; over-dispersion after Nakagawa and Schielzeth 2010, section V.

    >>> masks = np.zeros((3, 40, 40), dtype=np.uint8)
    >>> masks[0, 8:28, 8:28] = masks[1, 10:30, 8:28] = masks[2, 8:28, 12:32] = 1
    >>> bool(area_icc(masks, grid=5).icc > 0.7)
    True
    """
    counts = area_counts(masks, roi, grid)
    return area_iccs([counts], method=method, link_variance=link_variance)[0]


def area_iccs(
    images: Sequence[AreaCounts],
    *,
    method: Method = "exact",
    link_variance: LinkVariance = "meanobs",
) -> list[IccEstimate]:
    """area_icc of many images at once."""
    check_method(method)
    results = [_without_fit(one, link_variance) for one in images]
    if method == "laplace":
        _fit_by_laplace(images, results, link_variance)
    return [
        _exact(images[index], link_variance) if result is None else result
        for index, result in enumerate(results)
    ]


def _exact(counts: AreaCounts, link_variance: LinkVariance) -> IccEstimate:
    table = _table([counts])
    cells = table.successes[0].T, table.trials[0, 0], table.counts[0]
    found = fit_areas(*cells)
    # A search can lose its way. Laplace's point, whose likelihood is near the exact one unless it
    # is spurious, then leads back; the higher exact likelihood counts.
    near = fit_mixed_model(table, over=True)
    if not found.log_likelihood > near.log_likelihood[0] - _LAPLACE_ERROR:
        start = (float(near.sd_unit[0]), float(near.sd_over[0]), float(near.intercept[0]))
        other = fit_areas(*cells, start=start)
        if not found.log_likelihood >= other.log_likelihood:
            found = other
    link = link_variance_of(_mean_proportion(counts), link_variance)
    return estimate(
        found.sd_unit,
        found.sd_rater,
        found.sd_over,
        link,
        found.intercept,
        found.log_likelihood + float(table.log_coefficients()[0]),
        icc_interval(found.surroundings, link, CONFIDENCE),
        too_small(int(counts.units.sum())),
    )


def _fit_by_laplace(
    images: Sequence[AreaCounts],
    results: list[IccEstimate | None],
    link_variance: LinkVariance,
) -> None:
    """Fill the gaps of ``results``; images with the same number of raters share one fit."""
    groups: dict[int, list[int]] = {}
    for index, result in enumerate(results):
        if result is None:
            groups.setdefault(images[index].marked.shape[1], []).append(index)
    for members in groups.values():
        table = _table([images[index] for index in members])
        found = fit_mixed_model(table, over=True)
        constant = table.log_coefficients()
        for place, index in enumerate(members):
            results[index] = estimate(
                float(found.sd_unit[place]),
                float(found.sd_rater[place]),
                float(found.sd_over[place]),
                link_variance_of(_mean_proportion(images[index]), link_variance),
                float(found.intercept[place]),
                float(found.log_likelihood[place] + constant[place]),
            )


def area_counts(
    masks: ArrayLike | Sequence[ArrayLike], roi: ArrayLike | None, grid: int
) -> AreaCounts:
    """Count what each rater marked in every cell.

    Cells are equal-width intervals of each axis' index range, closed on the right (R's ``cut``);
    an axis of length 1 is one interval.

    >>> area_counts([[[1, 0], [0, 0]], [[1, 1], [0, 0]]], None, 2).marked.tolist()
    [[1, 1], [0, 1], [0, 0], [0, 0]]
    """
    grids = check_masks(masks, least=2)
    shape = grids[0].shape
    if grid < 2:
        raise RatingError(f"A grid of {grid}: expected 2 or more cells along each axis.")
    region = check_roi(roi, shape)
    cells = int(np.prod([1 if length == 1 else grid for length in shape]))
    layers = [*grids, _cell_index(shape, grid)] + ([] if region is None else [region])
    marked = np.zeros((cells, len(grids)), dtype=np.int64)
    units = np.zeros(cells, dtype=np.int64)
    for chunk in flat_chunks(layers, _CHUNK_UNITS, check_first=len(grids)):
        cell = chunk[len(grids)]
        inside = slice(None) if region is None else chunk[-1].astype(bool)
        units += np.bincount(cell[inside], minlength=cells)
        for rater in range(len(grids)):
            where = chunk[rater][inside].astype(bool)
            marked[:, rater] += np.bincount(cell[inside][where], minlength=cells)
    kept = units > 0
    if not kept.any():
        raise RatingError("The region of interest is empty: expected at least one unit in it.")
    return AreaCounts(marked[kept], units[kept])


def _cell_index(shape: tuple[int, ...], grid: int) -> NDArray[np.int32]:
    index = np.zeros((1,) * len(shape), dtype=np.int32)
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        position = np.arange(length, dtype=np.int64)
        # Integer arithmetic keeps the right-closed edges exact.
        interval = np.maximum(-(-position * grid // (length - 1)), 1) - 1
        along = [length if other == axis else 1 for other in range(len(shape))]
        index = index * grid + interval.astype(np.int32).reshape(along)
    return np.broadcast_to(index, shape)


def _without_fit(counts: AreaCounts, link_variance: LinkVariance) -> IccEstimate | None:
    if len(counts.units) < 2:
        return undefined(ONE_CELL)
    proportion = _mean_proportion(counts)
    if proportion in (0.0, 1.0):
        return undefined(ALL_ALIKE)
    if (counts.marked == counts.marked[:, :1]).all():
        nan = float("nan")
        return perfect(link_variance_of(proportion, link_variance), nan, nan, SAME_COUNTS)
    return None


def _mean_proportion(counts: AreaCounts) -> float:
    return float((counts.marked / counts.units[:, None]).mean())


def _table(images: Sequence[AreaCounts]) -> BinomialTable:
    merged = [
        np.unique(np.column_stack([one.marked, one.units]), axis=0, return_counts=True)
        for one in images
    ]
    rows = max(len(counts) for _, counts in merged)
    raters = images[0].marked.shape[1]
    successes = np.zeros((len(images), raters, rows))
    trials = np.zeros((len(images), raters, rows))
    weights = np.zeros((len(images), rows))
    for place, (values, counts) in enumerate(merged):
        used = slice(len(counts))
        successes[place, :, used] = values[:, :-1].T
        trials[place, :, used] = values[:, -1]
        weights[place, used] = counts
    return BinomialTable(successes, trials, weights)
