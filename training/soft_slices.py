"""Slices with soft labels: ``training.pseudo_labels`` writes them, ``training.lesions`` draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors

from medai.errors import TrainingDataError


@dataclass(frozen=True, eq=False)
class SoftSlices:
    """Slices (n, size, size) uint8 in their frames, and class shares (n, classes, size, size)
    uint8 0..255; ``fitted`` (n, 2) rows and columns of each that hold the picture."""

    images: NDArray[np.uint8]
    shares: NDArray[np.uint8]
    fitted: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        rows, columns = self.fitted[index]
        image = torch.from_numpy(self.images[index, :rows, :columns])[None]
        return tv_tensors.Image(image), tv_tensors.Mask(
            torch.from_numpy(self.shares[index, :, :rows, :columns])
        )


def read_soft_slices(file: Path) -> SoftSlices:
    """What ``training.pseudo_labels`` wrote. Raises TrainingDataError when it can't be read."""
    try:
        with np.load(file, allow_pickle=False) as data:
            return SoftSlices(data["images"], data["shares"], data["fitted"])
    except (OSError, KeyError, ValueError) as error:
        raise TrainingDataError(f"{file} holds no pseudo-labels: {error}.") from None
