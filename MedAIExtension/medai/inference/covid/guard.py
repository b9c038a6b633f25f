"""Whether pictures are what the classifiers were trained on: refuse, warn, or let them pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medai.errors import UnsuitableImageError
from medai.images import AxialVolume, Volume
from medai.models import ModelCard

# Limits that hold for 99 % of the 543 pictures of COVID-CT, with a margin; anterior-segment OCT
# (mean gray 0.08 to 0.10) and colour photographs lie outside.
GREY_MEAN_RANGE = (0.12, 0.90)
GREY_SD_RANGE = (0.10, 0.42)
LARGEST_COLOR = 0.10
LEAST_SIDE_PX = 24
# A slice whose mean is this many training standard deviations off is said to be unusual.
UNUSUAL_SD = 1.2
BESIDE_LUNG_MM = 15.0
EVIDENCE_OUTSIDE = (
    "What speaks most for COVID-19 lies outside the lungs: the network may look at something else "
    "than disease; don't rely on this answer."
)


def grey_picture(picture: Volume) -> NDArray[np.uint8]:
    """The picture as 8-bit grey (rows, columns); UnsuitableImageError when it can't be CT."""
    what = picture.name or "The picture"
    if picture.modality not in ("CT", "", "OT", "SC"):
        raise UnsuitableImageError(
            f"{what} is of modality {picture.modality}, expected a CT slice as picture."
        )
    if picture.grid_shape[0] != 1:
        raise UnsuitableImageError(
            f"{what} has {picture.grid_shape[0]} slices, expected a picture."
        )
    pixels = picture.array[0]
    if min(pixels.shape[:2]) < LEAST_SIDE_PX:
        raise UnsuitableImageError(
            f"{what} has {pixels.shape[0]} × {pixels.shape[1]} pixels, expected "
            f"{LEAST_SIDE_PX} or more on a side."
        )
    if pixels.dtype != np.uint8:
        raise UnsuitableImageError(
            f"{what} has values of type {pixels.dtype}, expected an 8-bit picture."
        )
    if picture.is_color:
        color = float((pixels.max(axis=-1) - pixels.min(axis=-1)).mean()) / 255.0
        if color > LARGEST_COLOR:
            raise UnsuitableImageError(
                f"{what} is a color picture (mean color {color:.2f}), expected a gray CT slice."
            )
        pixels = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    mean, sd = float(pixels.mean()) / 255.0, float(pixels.std()) / 255.0
    for name, value, (low, high) in (
        ("mean gray", mean, GREY_MEAN_RANGE),
        ("contrast", sd, GREY_SD_RANGE),
    ):
        if not low <= value <= high:
            raise UnsuitableImageError(
                f"{what} does not look like a chest CT slice: {name} {value:.2f}, "
                f"expected {low:.2f} to {high:.2f}."
            )
    return pixels


def unusual_notes(slices: Sequence[NDArray[np.uint8]], card: ModelCard) -> list[str]:
    """Sentences when the slices' greys are far from what the model was trained on."""
    if card.input is None:
        return []
    means = np.array([pixels.mean() / 255.0 for pixels in slices])
    distance = np.abs(means - card.input.mean) / card.input.std
    far = int(np.count_nonzero(distance > UNUSUAL_SD))
    if far == 0:
        return []
    return [
        f"{far} of {len(slices)} slices much darker or brighter than what {card.id} was "
        f"trained on (mean gray {means.mean():.2f}, trained on {card.input.mean:.2f}): "
        "trust the answer less."
    ]


def evidence_notes(explanation: AxialVolume, lungs: NDArray[np.uint8]) -> list[str]:
    """A sentence when the strongest evidence of a study lies outside the lungs.

    explanation, and lungs (0 outside): on the axial grid. Within BESIDE_LUNG_MM of lung in its
    slice the maximum may be a lesion on the pleura that the lungs leave out.
    """
    highest = int(explanation.array.argmax())
    k, row, column = (int(n) for n in np.unravel_index(highest, explanation.array.shape))
    _, down, across = (round(BESIDE_LUNG_MM / mm) for mm in explanation.spacing_mm)
    near = lungs[
        k, max(0, row - down) : row + down + 1, max(0, column - across) : column + across + 1
    ]
    if near.any() or not explanation.array[k, row, column]:
        return []
    return [EVIDENCE_OUTSIDE]


def chance_notes(card: ModelCard) -> list[str]:
    """A sentence when the card's own AUC can't be told from chance (0.5 lies in its interval)."""
    return [
        f"{card.name} was no better than chance where it was measured ({row.measured_on}: AUC "
        f"{row.value:.2f}, {row.low:.2f} to {row.high:.2f}): don't rely on its probability."
        for row in card.performance
        if row.measure == "AUC" and row.low <= 0.5
    ]
