"""Real lungs without COVID-19: slices in Hounsfield units with lung masks, and lesions on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from medai.errors import TrainingDataError
from medai.images import lung_window
from training.lesion_slices import LesionSlice
from training.segmentation import framed

# Of each run of so many slices the first is kept for judging.
HELD_OUT_EVERY = 5
_MARGIN_PX = 2
# How far a pasted lesion fades into the lung, as the standard deviation of a Gaussian.
_FEATHER_PX = 1.5
# Fewer pixels than this are no lesion: another is drawn.
_LEAST_PX = 60
_TRIES = 4


@dataclass(frozen=True, eq=False)
class RealLungs:
    """One axial slice: hu (y, x) int16, lungs (y, x) bool, in display orientation."""

    name: str
    hu: NDArray[np.int16]
    lungs: NDArray[np.bool_]

    def cropped(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Grey picture through the lung window and lung mask, cropped as inference crops."""
        rows, columns = (
            slice(max(0, int(found[0]) - _MARGIN_PX), int(found[-1]) + 1 + _MARGIN_PX)
            for found in (np.flatnonzero(self.lungs.any(axis=axis)) for axis in (1, 0))
        )
        return lung_window(self.hu[rows, columns]), self.lungs[rows, columns].astype(np.uint8)


def read_real_lungs(file: Path) -> list[RealLungs]:
    """The slices of an .npz file: names (n,), hu (n, y, x), lungs bit-packed on the last axis.

    Raises TrainingDataError when it can't be read or holds something else.
    """
    try:
        with np.load(file, allow_pickle=False) as data:
            hu, names = data["hu"], data["names"]
            lungs = np.unpackbits(data["lungs"], axis=-1)[..., : hu.shape[-1]].astype(bool)
    except (OSError, KeyError, ValueError) as error:
        raise TrainingDataError(f"{file} holds no slices with lungs: {error}.") from None
    if lungs.shape != hu.shape or len(names) != len(hu):
        raise TrainingDataError(
            f"{file}: hu is {hu.shape}, lungs {lungs.shape}, {len(names)} names: expected the same."
        )
    return [
        RealLungs(str(name), slice_hu, mask)
        for name, slice_hu, mask in zip(names, hu, lungs, strict=True)
        if mask.any()
    ]


def split_real_lungs(slices: Sequence[RealLungs]) -> tuple[list[RealLungs], list[RealLungs]]:
    """Slices to train on, and those kept for judging."""
    kept = list(slices[::HELD_OUT_EVERY])
    return [item for i, item in enumerate(slices) if i % HELD_OUT_EVERY], kept


def without_lesions(slices: Sequence[RealLungs]) -> list[LesionSlice]:
    """Lung slices with an empty lesion mask: vessels, fissures, emphysema and airways."""
    found = []
    for item in slices:
        image, lungs = item.cropped()
        found.append(LesionSlice(item.name, item.name, image, np.zeros_like(lungs)))
    return found


class LungLabels:
    """Lungs to be marked: (image, lung mask) tv_tensors, with pasted lesions in half of them.

    Every slice is there twice: cropped to its lungs, and whole.
    """

    def __init__(
        self, lungs: Sequence[RealLungs], lesions: Sequence[LesionSlice], size: tuple[int, int]
    ) -> None:
        self._pasted = PastedLesions(lungs, lesions, size)
        self._cropped = [framed(*item.cropped(), size) for item in lungs]
        self._whole = [
            framed(lung_window(item.hu), item.lungs.astype(np.uint8), size) for item in lungs
        ]

    def __len__(self) -> int:
        return 2 * len(self._cropped)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        if index % 2:
            return self._whole[index // 2]
        image, labels = self._cropped[index // 2]
        if torch.rand(()) < 0.5:
            image, _ = self._pasted[index // 2]
        return image, labels


class PastedLesions:
    """Real lungs with real lesions of other slices pasted into them: (image, mask) tv_tensors.

    A lesion keeps its place in the frame, as both pictures are cropped to their lungs, perhaps
    mirrored left to right; what would lie outside the lung is left out.
    """

    def __init__(
        self, lungs: Sequence[RealLungs], lesions: Sequence[LesionSlice], size: tuple[int, int]
    ) -> None:
        self._lungs = [framed(*item.cropped(), size) for item in lungs]
        self._lesions = [framed(item.image, item.mask, size) for item in lesions]

    def __len__(self) -> int:
        return len(self._lungs)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        image, lungs = self._lungs[index]
        shape = list(lungs.shape[-2:])
        labels = torch.zeros_like(lungs)
        for _ in range(_TRIES):
            drawn = int(torch.randint(len(self._lesions), ()))
            source, mask = self._lesions[drawn]
            if torch.rand(()) < 0.5:
                source, mask = F.horizontal_flip(source), F.horizontal_flip(mask)
            moved = F.resize(mask[None], shape, F.InterpolationMode.NEAREST)[0]
            labels = moved.as_subclass(torch.Tensor) * lungs.as_subclass(torch.Tensor)
            if int((labels > 0).sum()) >= _LEAST_PX:
                source = F.resize(source, shape)
                break
        else:
            return image, tv_tensors.Mask(torch.zeros_like(labels))
        weight = F.gaussian_blur((labels > 0).float()[None], [9, 9], [_FEATHER_PX] * 2)
        mixed = weight * source.float() + (1 - weight) * image.float()
        return tv_tensors.Image(mixed.round().to(torch.uint8)), tv_tensors.Mask(labels)
