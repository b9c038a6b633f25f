"""What a set of masks must be before anything is computed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medai.errors import RatingError


@dataclass(frozen=True, eq=False)
class ImageRatings:
    """One image as its raters delineated it.

    name: what tables call the image.
    masks: (raters, *grid) of 0 and 1, in the order of ``raters``.
    raters: names; a rater who did not see the image is absent.
    roi: (*grid), non-zero where ratings count; None is the whole grid.
    spacing_mm: size of a grid step along each grid axis; None where it is not known.
    covariates: what might explain agreement (severity, quality, seconds, body region, …);
        numbers are used as they are, text as categories.
    """

    name: str
    masks: NDArray
    raters: tuple[str, ...]
    roi: NDArray | None = None
    spacing_mm: tuple[float, ...] | None = None
    covariates: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.raters) != len(self.masks):
            raise RatingError(
                f"{self.name}: {len(self.masks)} masks for {len(self.raters)} rater names."
            )
        if len(set(self.raters)) != len(self.raters):
            raise RatingError(f"{self.name}: a rater's name occurs twice in {self.raters}.")


def check_masks(masks: ArrayLike | Sequence[ArrayLike], *, least: int = 1) -> list[NDArray]:
    """One array per rater, of equal shape, without copying what is an array already.

    Raises RatingError when there are fewer than ``least`` raters, shapes differ, the grid is empty,
    or the type is not a number. Values are checked as they are read.
    """
    try:
        grids = [np.asarray(mask) for mask in masks]  # type: ignore[union-attr]
    except (TypeError, ValueError):
        raise RatingError("Masks: expected one array of equal shape per rater.") from None
    if len(grids) < least:
        raise RatingError(f"{len(grids)} raters: expected at least {least}.")
    shape = grids[0].shape
    for number, grid in enumerate(grids, start=1):
        if grid.shape != shape:
            raise RatingError(
                f"The mask of rater {number} has shape {grid.shape}, the first rater's {shape}: "
                "expected equal shapes."
            )
        if grid.dtype.kind not in "buif":
            raise RatingError(f"The mask of rater {number} holds {grid.dtype}, expected 0 and 1.")
    if not shape or 0 in shape:
        raise RatingError(f"Masks of shape {shape} hold no unit to rate.")
    return grids


def check_roi(roi: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """The region of interest as booleans of the masks' grid.

    Raises RatingError when its shape differs or it holds nan.
    """
    if roi is None:
        return None
    region = np.asarray(roi)
    if region.shape != shape:
        raise RatingError(
            f"The region of interest has shape {region.shape}, the masks {shape}: "
            "expected equal shapes."
        )
    if region.dtype == bool:
        return region
    if region.dtype.kind not in "uif" or (region.dtype.kind == "f" and np.isnan(region).any()):
        raise RatingError("The region of interest holds something other than numbers.")
    return region != 0


def flat_chunks(
    layers: Sequence[NDArray], units: int, *, check_first: int
) -> Iterator[list[NDArray]]:
    """Walk equally shaped arrays together, in flat pieces of at most about ``units``.

    The first ``check_first`` are masks: checked to hold 0 and 1 only (RatingError otherwise), and
    given as uint8; booleans too. Others are given as they are.
    """
    squeezed = [layer.squeeze() if layer.ndim > 1 else layer for layer in layers]
    if squeezed[0].ndim == 0:
        squeezed = [layer.reshape(1) for layer in squeezed]
    if all(layer.flags.c_contiguous for layer in squeezed):
        squeezed = [layer.reshape(-1) for layer in squeezed]
    elif all(layer.flags.f_contiguous for layer in squeezed):
        squeezed = [layer.T.reshape(-1) for layer in squeezed]
    row = int(np.prod(squeezed[0].shape[1:]))
    step = max(1, units // row)
    for start in range(0, squeezed[0].shape[0], step):
        pieces = [layer[start : start + step].reshape(-1) for layer in squeezed]
        for number in range(len(pieces)):
            if number < check_first or pieces[number].dtype == bool:
                pieces[number] = _binary(pieces[number], number + 1)
        yield pieces


def _binary(values: NDArray, rater: int) -> NDArray[np.uint8]:
    """``values`` as uint8 of 0 and 1; anything else is a RatingError that names the rater."""
    if values.dtype == bool:
        return values.view(np.uint8)
    if values.dtype == np.uint8:
        wrong = values.max() > 1
    else:
        wrong = not bool(((values == 0) | (values == 1)).all())
    if wrong:
        bad = values[(values != 0) & (values != 1)][0]
        raise RatingError(f"The mask of rater {rater} holds the value {bad}: expected 0 and 1.")
    return values if values.dtype == np.uint8 else values.astype(np.uint8)


def roi_units(grids: Sequence[NDArray], roi: ArrayLike | None) -> NDArray[np.uint8]:
    """(raters, units) of 0 and 1 inside the region of interest, checked.

    Raises RatingError as check_masks and check_roi do, and when the region is empty.
    """
    region = check_roi(roi, grids[0].shape)
    if region is not None and not region.any():
        raise RatingError("The region of interest is empty: expected at least one unit in it.")
    rows = []
    for number, grid in enumerate(grids, start=1):
        values = grid.reshape(-1) if region is None else grid[region]
        rows.append(_binary(values, number))
    return np.stack(rows)
