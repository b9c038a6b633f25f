"""Example images of an agreement analysis: all outlines, the consensus, the disagreement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from medai.agreement.cohort import CohortResult
from medai.agreement.consensus import disagreement, majority
from medai.agreement.ratings import ImageRatings
from medai.images import Volume, lung_window
from medai.palette import CLASS_COLORS, LINE_STYLES, RaterLine
from medai.reports.pictures import (
    draw_lines,
    draw_probability,
    gray_picture,
    png_bytes,
    to_size,
)

# Without the picture: dark, so that the white consensus and every line stand out.
_OUTSIDE, _INSIDE = 60, 100
_LEAST_MARGIN = 8
_CONSENSUS = RaterLine(CLASS_COLORS["consensus"], LINE_STYLES[0])


@dataclass(frozen=True, eq=False)
class Example:
    """One image to show. picture: on the masks' grid, or None; words: what it is an example of."""

    ratings: ImageRatings
    picture: Volume | None
    words: str


def examples_of(
    result: CohortResult, read: Callable[[str], tuple[ImageRatings, Volume | None]]
) -> list[Example]:
    """The images of the worst, the middling and the best pixel ICC; ``read`` gives one by name."""
    excluded = {row["image"] for row in result.exclusions}
    found = sorted(
        (row["value"], row["image"])
        for row in result.image_rows
        if row["measure"] == "pixel_icc" and row["image"] not in excluded and isfinite(row["value"])
    )
    if not found:
        return []
    chosen = {
        found[0]: "the worst agreement",
        found[len(found) // 2]: "middling agreement",
        found[-1]: "the best agreement",
    }
    return [
        Example(*read(name), f"{words} (pixel ICC {value:.2f})")
        for (value, name), words in chosen.items()
    ]


def example_pictures(example: Example, lines: Mapping[str, RaterLine]) -> list[tuple[bytes, str]]:
    """Three PNG pictures with captions: outlines, consensus, disagreement.

    lines: by rater.
    """
    ratings = example.ratings
    masks = [np.asarray(mask).reshape(_zyx(np.asarray(mask))) != 0 for mask in ratings.masks]
    roi = None if ratings.roi is None else np.asarray(ratings.roi).reshape(masks[0].shape) != 0
    entropy = disagreement(masks, roi)
    slice_index = _slice_of_most(entropy, masks)
    picture = _background(example.picture, masks[0].shape, roi, slice_index)
    window = _window(np.any([mask[slice_index] for mask in masks], axis=0))
    picture, entropy = picture[window], entropy[slice_index][window]
    outlined = [mask[slice_index][window] for mask in masks]
    spacing = ratings.spacing_mm[-2:] if ratings.spacing_mm else (1.0, 1.0)
    blank, size = gray_picture(picture, (spacing[0], spacing[1]))
    where = f", slice {slice_index + 1} of {len(masks[0])}" if len(masks[0]) > 1 else ""
    outlines = blank.copy()
    draw_lines(
        outlines,
        [
            (to_size(mask, size), lines[rater])
            for rater, mask in zip(ratings.raters, outlined, strict=True)
        ],
    )
    together = blank.copy()
    consensus = majority(masks, roi).mask[slice_index][window] != 0
    draw_lines(together, [(to_size(consensus, size), _CONSENSUS)], width_px=3)
    differing = blank.copy()
    draw_probability(differing, to_size(np.nan_to_num(entropy), size))
    return [
        (png_bytes(outlines), f"{ratings.name}{where}: {example.words}. Outlines of all raters."),
        (png_bytes(together), "Consensus: marked by more than half of the raters."),
        (
            png_bytes(differing),
            "Disagreement: orange where some differ, pale yellow where it is half against half.",
        ),
    ]


def _zyx(mask: NDArray) -> tuple[int, ...]:
    return mask.shape if mask.ndim == 3 else (1, *mask.shape)


def _window(marked: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The part worth showing: what anybody marked with a margin of its size, if that is small."""
    if not marked.any():
        return slice(None), slice(None)
    parts = []
    for axis in (1, 0):
        where = np.flatnonzero(marked.any(axis=axis))
        margin = max(_LEAST_MARGIN, int(where[-1] - where[0]) + 1)
        parts.append(slice(max(0, int(where[0]) - margin), int(where[-1]) + 1 + margin))
    small = marked[parts[0], parts[1]].size < marked.size / 4
    return (parts[0], parts[1]) if small else (slice(None), slice(None))


def _slice_of_most(entropy: NDArray, masks: list[NDArray]) -> int:
    divided = np.nansum(entropy, axis=(1, 2))
    if divided.max() > 0:
        return int(divided.argmax())
    return int(np.sum(masks, axis=(0, 2, 3)).argmax())


def _background(
    picture: Volume | None, shape: tuple[int, ...], roi: NDArray | None, slice_index: int
) -> NDArray[np.uint8]:
    if picture is not None and picture.grid_shape == shape:
        values = picture.array[slice_index]
        if picture.modality == "CT":
            return lung_window(values)
        if values.dtype == np.uint8:
            return values
        low, high = np.percentile(picture.array, [1, 99])
        scaled = (values.astype(np.float32) - low) / max(float(high - low), 1e-6)
        return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    plain = np.full(shape[1:], _INSIDE, dtype=np.uint8)
    if roi is not None:
        plain[~roi[slice_index]] = _OUTSIDE
    return plain
