"""Lesions of two raters matched one to one: which of them are the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from medai.agreement.ratings import ImageRatings, check_masks, check_roi
from medai.errors import RatingError

THRESHOLDS = (0.1, 0.3, 0.5)
# One rater's lesions of an image; more are specks, not lesions.
_MOST_LESIONS = 20_000


@dataclass(frozen=True, eq=False)
class LesionPairs:
    """Which lesions of two raters overlap: first, second (pairs,) numbers from 0, and their IoU."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    iou: NDArray[np.float64]

    def matched(self, threshold: float) -> LesionPairs:
        """One-to-one pairs of IoU ≥ ``threshold`` whose IoUs have the highest sum."""
        chosen = self.iou >= threshold
        first, second, iou = self.first[chosen], self.second[chosen], self.iou[chosen]
        if len(np.unique(first)) == len(first) and len(np.unique(second)) == len(second):
            return LesionPairs(first, second, iou)
        rows, row = np.unique(first, return_inverse=True)
        columns, column = np.unique(second, return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[row, column] = iou
        a, b = linear_sum_assignment(gain, maximize=True)
        kept = gain[a, b] > 0
        a, b = a[kept], b[kept]
        return LesionPairs(rows[a], columns[b], gain[a, b])


@dataclass(frozen=True, eq=False)
class ImageLesions:
    """The lesions of one image, rater against rater.

    lesions: (raters,) how many each has. matched: by threshold, (raters, raters) how many of them
    are the same. iou_sum: likewise, the sum of the IoUs of those. found_by: by threshold, (raters,)
    how many distinct lesions exactly 1, 2, … raters have.
    """

    name: str
    raters: tuple[str, ...]
    lesions: NDArray[np.int64]
    matched: dict[float, NDArray[np.int64]]
    iou_sum: dict[float, NDArray[np.float64]]
    found_by: dict[float, NDArray[np.int64]]

    def f1(self, threshold: float) -> float:
        """Positive agreement over all pairs: 2 · matched / (lesions of both); nan without any."""
        pairs = np.triu_indices(len(self.raters), 1)
        both = (self.lesions[:, None] + self.lesions[None, :])[pairs].sum()
        return 2.0 * self.matched[threshold][pairs].sum() / both if both else float("nan")


def lesion_labels(mask: ArrayLike, roi: ArrayLike | None = None) -> tuple[NDArray[np.int32], int]:
    """The connected parts of a mask, numbered from 1, inside the region; and how many there are.

    Pixels that touch at a corner are connected (8 neighbors in a plane, 26 in space).
    Raises RatingError as ``check_masks``, and for more than 20,000 lesions.
    """
    (grid,) = check_masks([mask])
    region = check_roi(roi, grid.shape)
    marked = (grid != 0) if region is None else (grid != 0) & region
    labels, number = ndimage.label(marked, structure=np.ones((3,) * marked.ndim, dtype=bool))
    if number > _MOST_LESIONS:
        raise RatingError(
            f"A mask falls into {number:,} parts: expected at most {_MOST_LESIONS:,} lesions."
        )
    return labels, int(number)


def overlapping_lesions(first: NDArray[np.int32], second: NDArray[np.int32]) -> LesionPairs:
    """All pairs of lesions of two label grids that share a unit, with their IoU.

    >>> a = np.array([1, 1, 1, 0, 2, 2]); b = np.array([0, 1, 1, 1, 0, 0])
    >>> pairs = overlapping_lesions(a, b)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.iou.tolist()
    ([0], [0], [0.5])
    """
    both = (first > 0) & (second > 0)
    width = int(second.max(initial=0)) + 1
    codes, common = np.unique(
        first[both].astype(np.int64) * width + second[both], return_counts=True
    )
    a, b = codes // width - 1, codes % width - 1
    sizes_a = np.bincount(first.reshape(-1))[1:]
    sizes_b = np.bincount(second.reshape(-1))[1:]
    return LesionPairs(a, b, common / (sizes_a[a] + sizes_b[b] - common))


def image_lesions(
    ratings: ImageRatings, thresholds: tuple[float, ...] = THRESHOLDS
) -> ImageLesions:
    """Match the lesions of every pair of raters at each threshold of IoU.

    Distinct lesions are made of the pairwise matches, the closest first; of each rater at most one
    lesion belongs to a distinct one. Raises RatingError as ``lesion_labels``.

    >>> one, other = np.zeros((2, 1, 20), dtype=np.uint8)
    >>> one[0, 2:8] = other[0, 3:8] = other[0, 12:15] = 1
    >>> image = image_lesions(ImageRatings("a", (one, other), ("AB", "CD")))
    >>> image.lesions.tolist(), round(float(image.f1(0.5)), 2)
    ([1, 2], 0.67)
    """
    found = [lesion_labels(mask, ratings.roi) for mask in ratings.masks]
    number = len(found)
    matched = {t: np.diag([count for _, count in found]).astype(np.int64) for t in thresholds}
    iou_sum = {t: np.zeros((number, number)) for t in thresholds}
    links: dict[float, list[tuple[float, int, int, int, int]]] = {t: [] for t in thresholds}
    for a, b in combinations(range(number), 2):
        if not (found[a][1] and found[b][1]):
            continue
        overlapping = overlapping_lesions(found[a][0], found[b][0])
        for t in thresholds:
            pairs = overlapping.matched(t)
            matched[t][a, b] = matched[t][b, a] = len(pairs.iou)
            iou_sum[t][a, b] = iou_sum[t][b, a] = pairs.iou.sum()
            links[t] += [
                (-iou, a, i, b, j)
                for i, j, iou in zip(
                    pairs.first.tolist(), pairs.second.tolist(), pairs.iou.tolist(), strict=True
                )
            ]
    lesions = np.array([count for _, count in found], dtype=np.int64)
    return ImageLesions(
        ratings.name,
        ratings.raters,
        lesions,
        matched,
        iou_sum,
        {t: _found_by(lesions, sorted(links[t])) for t in thresholds},
    )


def _found_by(
    lesions: NDArray[np.int64], links: list[tuple[float, int, int, int, int]]
) -> NDArray[np.int64]:
    group = {(rater, k): {(rater, k)} for rater, count in enumerate(lesions) for k in range(count)}
    for _, a, i, b, j in links:
        one, other = group[a, i], group[b, j]
        if one is other or {rater for rater, _ in one} & {rater for rater, _ in other}:
            continue
        one |= other
        for member in other:
            group[member] = one
    sizes = [len(members) for members in {id(g): g for g in group.values()}.values()]
    return np.bincount(sizes, minlength=len(lesions) + 1)[1:].astype(np.int64)
