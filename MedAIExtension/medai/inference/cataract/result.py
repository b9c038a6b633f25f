"""What a cataract map gives back: per scan where, per eye how much. numpy only, picklable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.images.crop_box import CropBox
from medai.images.oct_scans import EyeScans
from medai.measures.cataract import (
    PAPER_THRESHOLD,
    EyeMeasure,
    ScanMeasure,
    eye_sentence,
    measure_eye,
    measure_scan,
)
from medai.measures.correction import EyeCorrection
from medai.models import ModelCard

LENS_CLASS, CATARACT_CLASS = "normal lens", "cataract"


@dataclass(frozen=True)
class CataractOptions:
    """Choices for a cataract map.

    crop: "lens" places the crop on the lens found in each scan, "center" in the picture's middle
    (the paper's fixed coordinates); or one box for all scans. A box in ``EyeScans.crops`` wins.
    flip_average: average the map with that of the mirrored scan: twice the time, steadier.
    threshold: cataract fraction from which on an eye is consistent with cataract; None for the
    card's. batch_size: None chooses by the device. Raises InputError on other values.
    """

    crop: CropBox | Literal["lens", "center"] = "lens"
    flip_average: bool = False
    threshold: float | None = None
    device: str = "auto"
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.crop, CropBox) and self.crop not in ("lens", "center"):
            raise InputError(f"Crop {self.crop!r}: expected lens, center or a box.")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"Threshold {self.threshold}: expected a fraction from 0 to 1.")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"Batch size {self.batch_size}: expected 1 or more.")


@dataclass(frozen=True, eq=False)
class EyeMap:
    """One eye's scans and what was found in them, all in the scans' own uncropped pixels.

    crops: the box that was looked at, one a scan. probability: float16 (scans, y, x), probability
    of cataract, 0 outside the crop. lens, cataract: bool (scans, y, x), the pixels whose most
    probable class is lens (normal or cataract), and cataract. correction: what a hand changed of
    the two masks; None where it changed nothing.
    """

    scans: EyeScans
    crops: tuple[CropBox, ...]
    probability: NDArray[np.float16]
    lens: NDArray[np.bool_]
    cataract: NDArray[np.bool_]
    measures: tuple[ScanMeasure, ...]
    summary: EyeMeasure
    correction: EyeCorrection | None = None


@dataclass(frozen=True, eq=False)
class CataractResult:
    """The maps and numbers of one run, eyes in the order they were given.

    of_network: the result as the network gave it, when a hand corrected masks.
    """

    eyes: tuple[EyeMap, ...]
    card: ModelCard
    options: CataractOptions
    device: str
    seconds: float
    notes: tuple[str, ...]
    of_network: CataractResult | None = None

    @property
    def sentence(self) -> str:
        """The card's warning, then a sentence an eye with what its fraction is consistent with.

        It says which eyes a hand corrected.
        """
        eyes = [f"{eye_sentence(eye.summary)[:-1]} ({_judged(eye)})." for eye in self.eyes]
        return " ".join([self.card.warning, *eyes] if self.card.warning else eyes)


def measure_map(
    scans: EyeScans,
    crops: tuple[CropBox, ...],
    probability: NDArray[np.float16],
    lens: NDArray[np.bool_],
    cataract: NDArray[np.bool_],
    threshold: float,
    unseen: Mapping[int, str] = MappingProxyType({}),
) -> EyeMap:
    """An EyeMap with its measures, from arrays (scans, y, x).

    unseen: number of each scan in which nothing was mapped, and why.
    """
    volume = scans.volume
    spacing = volume.spacing_mm[1:] if volume.has_spacing else None
    measures = tuple(
        replace(found, reason=unseen.get(k, found.reason))
        for k, found in enumerate(
            measure_scan(name, pixels, clear, opaque, spacing)
            for name, pixels, clear, opaque in zip(
                scans.names, volume.array, lens, cataract, strict=True
            )
        )
    )
    summary = measure_eye(scans.label, measures, threshold, unread=len(scans.left_out))
    return EyeMap(scans, crops, probability, lens, cataract, measures, summary)


def notes_of(maps: Sequence[EyeMap], card: ModelCard) -> tuple[str, ...]:
    """What a reader of these maps must know, each sentence once."""
    notes = [f"About the model: {card.use.limits} It has never seen {card.use.never_seen}"]
    for eye in maps:
        volume, label = eye.scans.volume, eye.scans.label
        notes += [f"{label}: {note}" for note in volume.notes]
        if not volume.has_spacing:
            notes.append(f"{label}: the pixel size is not known, areas are in pixels.")
        cut = [m.name for m, lens in zip(eye.measures, eye.lens, strict=True) if lens[-1].any()]
        if cut:
            notes.append(
                f"{label}: the lens reaches the lower edge of {len(cut)} of {len(eye.lens)} scans; "
                "its depth thirds are those of the part in the picture."
            )
        notes += [f"{label}, {m.name}: left out, {m.reason}." for m in eye.measures if m.reason]
        notes += [f"{label}, {why}" for why in eye.scans.left_out]
    return tuple(dict.fromkeys(notes))


def threshold_of(card: ModelCard, options: CataractOptions) -> float:
    """The decision threshold in force: the user's, else the card's, else the paper's."""
    for value in (options.threshold, card.decision.threshold):
        if value is not None:
            return value
    return PAPER_THRESHOLD


def rejudge(result: CataractResult, threshold: float) -> CataractResult:
    """The same maps judged with another decision threshold."""
    options = replace(result.options, threshold=threshold)
    eyes: Sequence[EyeMap] = [
        replace(
            eye,
            summary=measure_eye(
                eye.scans.label, eye.measures, threshold, unread=len(eye.scans.left_out)
            ),
        )
        for eye in result.eyes
    ]
    return replace(result, options=options, eyes=tuple(eyes))


def _judged(eye: EyeMap) -> str:
    wording = eye.summary.wording
    return wording if eye.correction is None else f"corrected by hand; {wording}"
