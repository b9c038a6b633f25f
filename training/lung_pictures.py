"""Train the lungs of a lung classifier: ``python -m training.lung_pictures --config FILE``.

A small U-Net learns to mark lungs in pictures of any window, with and without lesions in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from medai.networks import unet
from training.augmentation import slice_augmentation
from training.command import run_trainer
from training.fit import RunSettings, fit
from training.lesion_slices import read_lesion_slices
from training.normalization import Normalization
from training.real_lungs import LungLabels, read_real_lungs, split_real_lungs
from training.sampling import EpochSampler, SeededSamples
from training.segmentation import AsShares, SegmentationTask

_CLASSES = 2


@dataclass(frozen=True)
class LungSettings(RunSettings):
    """Configuration of ``training.lung_pictures``.

    real_lungs: slices with lungs (``real_lungs.read_real_lungs``), every fifth kept to validate on.
    images, masks, rotate: lesion slices, whose lesions are pasted into the lungs. width: of the
    U-Net. size: px on a side of the frame. strength: of the augmentation. mean, std: of grey/255.
    """

    real_lungs: Path = Path()
    images: Path = Path()
    masks: Path = Path()
    rotate: str = "none"
    width: int = 8
    size: int = 224
    strength: float = 1.0
    mean: float = 0.5
    std: float = 0.3


def train(settings: LungSettings) -> Path:
    """Train the lungs' U-Net; returns the best checkpoint."""
    torch.manual_seed(settings.seed)
    learn, kept = split_real_lungs(read_real_lungs(settings.real_lungs))
    lesions = read_lesion_slices(settings.images, settings.masks, rotate=settings.rotate)
    size = (settings.size, settings.size)
    samples = SeededSamples(
        LungLabels(learn, lesions, size),
        AsShares(slice_augmentation(settings.size, strength=settings.strength), _CLASSES),
        settings.seed,
    )
    loader = DataLoader(
        samples,
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
        num_workers=settings.workers,
    )
    validation = DataLoader([item.cropped() for item in kept], batch_size=4, collate_fn=list)
    network = unet(in_channels=1, classes=_CLASSES, width=settings.width)
    normal = Normalization(settings.mean, settings.std)
    return fit(SegmentationTask(network, settings, normal, size), loader, validation, settings)


if __name__ == "__main__":
    run_trainer(LungSettings, train)
