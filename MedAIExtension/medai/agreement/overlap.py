"""How far two masks overlap, and how far apart their surfaces are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from medai.agreement.ratings import check_masks, check_roi, roi_units
from medai.errors import RatingError

BOTH_EMPTY = "both masks are empty"
ONE_EMPTY = "one mask is empty, so it has no surface"


@dataclass(frozen=True)
class Overlap:
    """Two masks beside each other; nan with a ``reason`` where a measure has no meaning.

    first, second: numbers of the raters, from 0.
    dice, iou: 0..1; nan when both masks are empty.
    first_units, second_units: marked units in the region of interest.
    size_difference: second − first, in mm² on a 2D grid, mL on a 3D one.
    relative_difference: (second − first) / mean of both; nan when both are empty.
    hausdorff_mm: largest distance from one surface to the other. hausdorff95_mm: the larger of
        the two directed 95th percentiles. mean_surface_mm: mean over both surfaces' units.
    """

    first: int
    second: int
    dice: float
    iou: float
    first_units: int
    second_units: int
    size_difference: float
    relative_difference: float
    hausdorff_mm: float
    hausdorff95_mm: float
    mean_surface_mm: float
    reason: str = ""


def dice(first: ArrayLike, second: ArrayLike, roi: ArrayLike | None = None) -> float:
    """Dice's coefficient 2|A∩B| / (|A| + |B|); nan when both masks are empty.

    >>> dice([1, 1, 0, 0], [1, 0, 0, 0])
    0.6666666666666666
    """
    a, b = roi_units(check_masks([first, second]), roi)
    size = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2.0 * int(np.count_nonzero(a & b)) / size if size else float("nan")


def pairwise_overlap(
    masks: ArrayLike | Sequence[ArrayLike],
    roi: ArrayLike | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    *,
    surfaces: bool = True,
) -> tuple[Overlap, ...]:
    """Overlap of every pair of raters, inside the region of interest.

    masks: (raters, *grid) of 0 and 1, at least 2 raters. roi: (*grid) or None.
    spacing_mm: grid step along each axis; 1 mm where None. A grid of one slice counts as 2D.
    surfaces: False leaves the distances nan and saves their time.
    A surface is the marked units with an unmarked one beside them (the grid's edge counts as
    unmarked); distances run between unit centres (Taha and Hanbury 2015, BMC Med. Imaging 15:29).
    Raises RatingError as check_masks does, and on spacings that don't fit.

    >>> masks = np.zeros((2, 8, 8), dtype=np.uint8)
    >>> masks[0, 2:5, 2:5] = masks[1, 2:5, 4:7] = 1
    >>> pair = pairwise_overlap(masks, spacing_mm=(1.0, 0.5))[0]
    >>> round(pair.dice, 3), pair.hausdorff_mm
    (0.333, 1.0)
    """
    grids = check_masks(masks, least=2)
    shape = grids[0].shape
    spacing = np.ones(len(shape)) if spacing_mm is None else np.asarray(spacing_mm, dtype=float)
    if spacing.shape != (len(shape),) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise RatingError(f"Spacing {spacing_mm} mm: expected {len(shape)} positive numbers.")
    region = check_roi(roi, shape)
    flat = roi_units(grids, roi)
    # A picture stored as one slice is flat: its surface is its outline.
    axes = tuple(axis for axis, length in enumerate(shape) if length == 1 and len(shape) > 2)
    grids = [np.squeeze(grid, axes) for grid in grids]
    region = None if region is None else np.squeeze(region, axes)
    spacing = np.delete(spacing, axes)
    sizes = [int(np.count_nonzero(row)) for row in flat]
    unit_size = float(np.prod(spacing)) / (1000.0 if len(spacing) == 3 else 1.0)
    distances = _Surfaces(grids, region, spacing) if surfaces else None
    results = []
    for a, b in combinations(range(len(grids)), 2):
        common = int(np.count_nonzero(flat[a] & flat[b]))
        both = sizes[a] + sizes[b]
        reason = BOTH_EMPTY if not both else ONE_EMPTY if not (sizes[a] and sizes[b]) else ""
        measured = (
            distances.between(a, b) if distances is not None and not reason else (np.nan,) * 3
        )
        results.append(
            Overlap(
                a,
                b,
                dice=2.0 * common / both if both else float("nan"),
                iou=common / (both - common) if both else float("nan"),
                first_units=sizes[a],
                second_units=sizes[b],
                size_difference=(sizes[b] - sizes[a]) * unit_size,
                relative_difference=2.0 * (sizes[b] - sizes[a]) / both if both else float("nan"),
                hausdorff_mm=measured[0],
                hausdorff95_mm=measured[1],
                mean_surface_mm=measured[2],
                reason=reason,
            )
        )
    return tuple(results)


class _Surfaces:
    """Surfaces of all masks, cropped to what any of them marks, with their distance maps."""

    def __init__(
        self, grids: list[NDArray], region: NDArray[np.bool_] | None, spacing: NDArray
    ) -> None:
        masks = [(grid != 0) if region is None else (grid != 0) & region for grid in grids]
        together = np.logical_or.reduce(masks)
        boxes = ndimage.find_objects(together.astype(np.uint8))
        box = boxes[0] if boxes else (slice(0, 1),) * together.ndim
        self.points = []
        self.maps: list[NDArray | None] = []
        for mask in masks:
            padded = np.pad(mask[box], 1)
            surface = padded & ~ndimage.binary_erosion(padded)
            self.points.append(surface)
            self.maps.append(
                ndimage.distance_transform_edt(~surface, sampling=spacing)
                if surface.any()
                else None
            )

    def between(self, a: int, b: int) -> tuple[float, float, float]:
        """Hausdorff distance, its 95 % form, and the mean surface distance, in mm."""
        to_a, to_b = self.maps[a], self.maps[b]
        assert to_a is not None and to_b is not None
        from_a, from_b = to_b[self.points[a]], to_a[self.points[b]]
        return (
            float(max(from_a.max(), from_b.max())),
            float(max(np.percentile(from_a, 95), np.percentile(from_b, 95))),
            float(np.concatenate([from_a, from_b]).mean()),
        )
