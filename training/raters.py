"""Train on outlines of several raters: ``python -m training.raters --config FILE``.

No outline is the truth: the network learns the share of raters who marked a pixel ("soft"), one
rater drawn anew at every step ("sampled"), or, to compare, the majority ("majority").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import normalise
from medai.networks import unet
from training.augmentation import slice_augmentation
from training.command import run_trainer
from training.fit import RunSettings, fit
from training.lesion_slices import split_folds
from training.normalization import Normalization
from training.sampling import EpochSampler, SeededSamples
from training.segmentation import AsShares, SegmentationTask

LABELS = ("soft", "sampled", "majority")


@dataclass(frozen=True)
class RaterSettings(RunSettings):
    """Configuration of ``training.raters``.

    crops: an .npz file: images (n, y, x) uint8, masks (n, raters, y, x) of 0 and 1, bit-packed on
    the last axis or not, ids (n,), the patient first, then "/". labels: what is learned from, see
    above. fold, folds: kept for validation. crop: px.
    """

    crops: Path = Path()
    labels: str = "soft"
    fold: int = 0
    folds: int = 5
    width: int = 16
    crop: int = 96
    strength: float = 1.0
    mean: float = 0.5
    std: float = 0.3


@dataclass(frozen=True, eq=False)
class RatedCrops:
    """images (n, y, x) uint8; masks (n, raters, y, x) uint8 of 0 and 1; patients (n,)."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    patients: tuple[str, ...]


def read_rated_crops(file: Path) -> RatedCrops:
    """Read ``file``. Raises TrainingDataError when arrays are missing or don't fit together."""
    try:
        with np.load(file, allow_pickle=False) as data:
            images, masks, ids = data["images"], data["masks"], data["ids"]
    except (OSError, KeyError, ValueError) as error:
        raise TrainingDataError(f"{file} can't be read as rated crops: {error}.") from None
    if masks.ndim == 4 and masks.shape[-1] * 8 == images.shape[-1]:
        masks = np.unpackbits(masks, axis=-1)
    if masks.ndim != 4 or masks.shape[0] != len(images) or masks.shape[2:] != images.shape[1:]:
        raise TrainingDataError(
            f"{file}: masks of shape {masks.shape} for images of shape {images.shape}, expected "
            "(images, raters, y, x)."
        )
    if len(ids) != len(images):
        raise TrainingDataError(f"{file}: {len(ids)} ids for {len(images)} images.")
    patients = tuple(str(case).partition("/")[0] for case in ids)
    return RatedCrops(images, masks.astype(np.uint8), patients)


class RatedItems:
    """Crops as (image (1, y, x), the raters' masks (raters, y, x)) tv_tensors."""

    def __init__(self, crops: RatedCrops, chosen: NDArray[np.intp]) -> None:
        self.crops, self.chosen = crops, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        case = self.chosen[index]
        image = torch.from_numpy(self.crops.images[case][None].copy())
        masks = torch.from_numpy(self.crops.masks[case].copy())
        return tv_tensors.Image(image), tv_tensors.Mask(masks)


class Combined:
    """An augmentation, then the raters' masks made one label: class shares (2, y, x) uint8 0..255.

    "sampled" draws the rater from torch's global generator, as the augmentation does.
    """

    def __init__(self, augment: Callable, labels: str) -> None:
        if labels not in LABELS:
            raise TrainingDataError(f"labels = {labels!r}, expected one of {', '.join(LABELS)}.")
        self.augment, self.labels = augment, labels

    def __call__(self, item) -> tuple[Tensor, tv_tensors.Mask]:
        image, masks = self.augment(item)
        share = combine(masks.as_subclass(Tensor), self.labels)
        marked = (255 * share).round().to(torch.uint8)
        return image, tv_tensors.Mask(torch.stack([255 - marked, marked]))


def combine(masks: Tensor, labels: str) -> Tensor:
    """One label map (y, x) in 0..1 of several raters' masks (raters, y, x)."""
    if labels == "sampled":
        return masks[int(torch.randint(len(masks), ()))].float()
    share = masks.float().mean(dim=0)
    return (share > 0.5).float() if labels == "majority" else share


class RaterTask(SegmentationTask):
    """Validation: mean Dice against each rater in turn, what any one outline could reach."""

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        images, masks = batch
        network = self.best_network
        training = network.training
        network.eval()
        x = normalise(images.float(), self.normal.mean, self.normal.std)
        found = network(x).float().softmax(dim=1)[:, 1:] >= 0.5
        network.train(training)
        both = (found & masks.bool()).sum(dim=(2, 3))
        total = found.sum(dim=(2, 3)) + masks.sum(dim=(2, 3))
        scores = torch.where(total > 0, 2 * both / total.clamp(min=1), 1.0)
        self.log("dice", scores.mean(), batch_size=len(images), on_epoch=True, sync_dist=True)


def train(settings: RaterSettings) -> Path:
    """Train a U-Net on several raters; returns the best checkpoint."""
    crops = read_rated_crops(settings.crops)
    folds = np.array(split_folds(crops.patients, settings.folds))
    learn, kept = np.flatnonzero(folds != settings.fold), np.flatnonzero(folds == settings.fold)
    if not len(learn) or not len(kept):
        raise TrainingDataError(f"fold {settings.fold} of {settings.folds} leaves a part empty.")
    augment = slice_augmentation(settings.crop, strength=settings.strength)
    samples = SeededSamples(
        RatedItems(crops, learn),
        AsShares(Combined(augment, settings.labels), classes=2),
        settings.seed,
    )
    torch.manual_seed(settings.seed)
    task = RaterTask(
        unet(in_channels=1, classes=2, width=settings.width),
        settings,
        Normalization(settings.mean, settings.std),
        (settings.crop, settings.crop),
    )
    loader = DataLoader(
        samples,
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
        num_workers=settings.workers,
    )
    return fit(task, loader, DataLoader(RatedItems(crops, kept), batch_size=16), settings)


if __name__ == "__main__":
    run_trainer(RaterSettings, train)
