"""What a lesion segmentation is asked for, and what it answers; without torch, for any window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.images import Volume
from medai.inference.running.planes import require_planes
from medai.measures import Lesion, LesionBurden, burden_sentence, healthy_sentence
from medai.measures.correction import Correction
from medai.measures.zones import LUNG_OF_ZONE
from medai.models.card import ModelCard

# Regions below this score get no mask (a network makes a hundred of them in every slice, and masks
# are half its work), so no score threshold below it shows more.
LOWEST_SCORE = 0.5
AXIAL_ONLY = ("axial",)


@dataclass(frozen=True, eq=False)
class LesionOptions:
    """How to segment.

    score_threshold: least score of a region, for Mask R-CNNs; None: the card's.
    mask_threshold: least probability of a voxel, 0 to 1; None: the card's, else 0.5.
    device: "auto" (a GPU when there is one), "cpu" or "cuda".
    batch_size: slices at once; None: chosen for the device. Smaller needs less memory.
    lungs: a lung mask on the volume's own grid (1 right, 2 left, or any one value), instead of
        finding the lungs.
    planes: directions of slicing, one or more of PLANES; the probabilities of several are averaged
        (2.5D), and then there are no regions and no score threshold.
    min_region_ml: smaller regions are left out; None: the card's, else none is.
    Raises InputError on values out of range.
    """

    score_threshold: float | None = None
    mask_threshold: float | None = None
    device: str = "auto"
    batch_size: int | None = None
    lungs: Volume | None = None
    planes: tuple[str, ...] = AXIAL_ONLY
    min_region_ml: float | None = None

    def __post_init__(self) -> None:
        if self.min_region_ml is not None and not 0.0 <= self.min_region_ml <= 1000.0:
            raise InputError(f"min_region_ml is {self.min_region_ml}, expected 0 to 1000 mL.")
        for name in ("score_threshold", "mask_threshold"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise InputError(f"{name} is {value}, expected 0 to 1.")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch_size is {self.batch_size}, expected at least 1.")
        require_planes(self.planes)


@dataclass(frozen=True, eq=False)
class RoiTable:
    """Every region a Mask R-CNN kept, before any threshold, slice by slice, best first.

    slice_index: (n,) slice of the canonical axial grid (``images.to_axial``).
    box: (n, 4) x0, y0, x1, y1 in pixels of that grid's slices.
    score: (n,) 0..1. area_px: (n,) the box's area. class_index: (n,) into ``classes``.
    The regions of at least LOWEST_SCORE (or of the threshold it was run with, when that is lower)
    also have mask logits.
    """

    slice_index: NDArray[np.int32]
    box: NDArray[np.float32]
    score: NDArray[np.float32]
    area_px: NDArray[np.float32]
    class_index: NDArray[np.uint8]
    # Indices of the regions that have a mask, and their logits (m, 28, 28).
    masked: NDArray[np.int32]
    mask_logits: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.score)

    def top(self, count: int, slice_index: int) -> NDArray[np.intp]:
        """Indices of the ``count`` best regions of one slice (for the plots of S2, Fig. 3)."""
        return np.flatnonzero(self.slice_index == slice_index)[:count]


@dataclass(frozen=True, eq=False)
class LesionResult:
    """Lesions of one chest CT. Arrays are (z, y, x) on the input's own grid.

    lesions: 0, or 1 + index into ``classes``; only inside the lungs.
    probability: of lesion, 0..1: a U-Net's 1 - p(background); a Mask R-CNN's score times mask
        probability of the best region there; of an ensemble or several directions the mean.
    score_map: Mask R-CNN only: the highest raw mask logit of all regions there, 0 without one (S2,
        Fig. 2).
    zones: 0 outside the lungs, else lung zone 1..9 (``measures.ZONE_NAMES``).
    rois: Mask R-CNN only.
    findings, burden: the lesions one by one, and together.
    options: as used, thresholds filled in from the card.
    device: "CPU" or the GPU's name; seconds: the whole run; notes: what the user should know.
    card: None when the lesions were given, and no network found them.
    correction, of_network: what a hand changed of the network's own result, and that result; None
        while nobody corrected it.
    """

    volume: Volume
    lesions: NDArray[np.uint8]
    classes: tuple[str, ...]
    probability: NDArray[np.float16]
    score_map: NDArray[np.float16] | None
    zones: NDArray[np.uint8]
    rois: RoiTable | None
    findings: tuple[Lesion, ...]
    burden: LesionBurden
    card: ModelCard | None
    options: LesionOptions
    device: str
    seconds: float
    notes: tuple[str, ...]
    correction: Correction | None = None
    of_network: LesionResult | None = None
    # Index of the likeliest class at each voxel, for networks of several classes without regions.
    likeliest: NDArray[np.uint8] | None = None

    @cached_property
    def lungs(self) -> NDArray[np.uint8]:
        """0 outside, 1 right lung, 2 left lung, 3 a lung of unknown side."""
        return LUNG_OF_ZONE[self.zones]

    @property
    def sentence(self) -> str:
        """The burden in one sentence, beside what the model marks in healthy lungs.

        It says when a hand corrected the lesions.
        """
        if self.correction is not None:
            return f"Corrected by hand: {burden_sentence(self.burden)}"
        return healthy_sentence(self.burden, self.healthy_percent)

    @property
    def healthy_percent(self) -> float | None:
        """The most that the model marked in healthy lungs, in percent.

        None: not measured, or the lesions are not the model's alone.
        """
        if self.card is None or self.correction is not None:
            return None
        return self.card.decision.healthy_opacity_percent

    @property
    def network_card(self) -> ModelCard:
        """The card of the model that found the lesions. Raises InputError for given lesions."""
        if self.card is None:
            raise InputError("The lesions were given: no model's name can stand in the file.")
        return self.card

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the models whose probabilities were averaged; empty for a single model."""
        return self.card.ensemble.members if self.card and self.card.ensemble else ()
