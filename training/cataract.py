"""Train the cataract U-Net: ``python -m training.cataract --config FILE [--set key=value]``.

``--check`` prints what was understood of the data, ``--judge`` judges the best checkpoint on the
test patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import normalise
from medai.networks import unet
from training.augmentation import oct_augmentation
from training.command import run_trainer
from training.export import network_weights
from training.fit import RunSettings, fit, training_minutes
from training.lens_scans import LABELS, LensScan, LensScans, phantom_scans
from training.normalization import Normalization
from training.oct_folders import read_oct_folders, split_patients
from training.sampling import EpochSampler, SeededSamples
from training.segmentation import SegmentationTask

CLASSES = ("background", "normal lens", "cataract")
PARTS = ("train", "test")


@dataclass(frozen=True)
class CataractSettings(RunSettings):
    """Configuration of ``training.cataract``.

    folder, label_folder: scans and label maps (``oct_folders.read_oct_folders``); without them
    phantoms of ``patients`` synthetic patients, both eyes, ``scans`` each, labelled by ``labels``
    ("local" or "patient", see ``lens_scans.phantom_scans``). test_share: of the patients, kept.
    size: px across the crop around the lens (550 in the source paper). crop: see
    ``lens_scans.crop_box``. strength: of the augmentation, 0 for the paper's. loss: a name of
    ``losses.LOSSES``. mean, std: of grey/255. satisfactory_dice: the run ends once every class has
    this Dice on training and test scans, 0 never (S5 stopped at "satisfactory Dice values").
    """

    folder: Path | None = None
    label_folder: Path | None = None
    labels: str = "local"
    patients: int = 60
    scans: int = 3
    test_share: float = 0.2
    size: int = 224
    crop: str = "lens"
    width: int = 16
    strength: float = 1.0
    loss: str = "dice_cross_entropy"
    mean: float = 0.16
    std: float = 0.16
    satisfactory_dice: float = 0.0


class CataractTask(SegmentationTask):
    """Validation is the Dice of each class on training and test scans (S5, Fig. 1).

    "dice", the one that picks the best checkpoint, is that of the test scans' cataract pixels.
    """

    def __init__(self, settings: CataractSettings) -> None:
        side = (settings.size, settings.size)
        normal = Normalization(settings.mean, settings.std)
        network = unet(in_channels=1, classes=len(CLASSES), width=settings.width)
        super().__init__(network, settings, normal, side, loss=settings.loss)
        self.satisfactory_dice = settings.satisfactory_dice
        self._counts = np.zeros((len(PARTS), len(CLASSES), 3))

    def validation_step(
        self, batch: tuple[Tensor, Tensor], batch_index: int, dataloader_idx: int = 0
    ) -> None:
        self._counts[dataloader_idx] += self.counted(*batch)

    @torch.no_grad()
    def counted(self, images: Tensor, labels: Tensor) -> NDArray[np.int64]:
        """Pixels of each class (classes, 3): called rightly, called, true."""
        network = self.best_network
        training = network.training
        network.eval()
        x = normalise(255 * images, self.normal.mean, self.normal.std)
        called = network(x).float().argmax(dim=1)
        network.train(training)
        pairs = [(called == label, labels == label) for label in range(len(CLASSES))]
        return np.array([[int((a & b).sum()), int(a.sum()), int(b.sum())] for a, b in pairs])

    def on_validation_epoch_end(self) -> None:
        both, found, truth = np.moveaxis(self._counts, -1, 0)
        scores = 2 * both / np.maximum(found + truth, 1)
        for part, row in zip(PARTS, scores, strict=True):
            for name, score in zip(CLASSES, row, strict=True):
                self.log(f"{part} {name} dice", float(score))
        self.log("dice", float(scores[PARTS.index("test"), CLASSES.index("cataract")]))
        if self.satisfactory_dice and scores.min() >= self.satisfactory_dice:
            self.trainer.should_stop = True
        self._counts[:] = 0


def read_scans(settings: CataractSettings) -> list[LensScan]:
    """The labelled scans of ``settings``: of its folders, or of phantoms."""
    if settings.folder is None or settings.label_folder is None:
        numbers = range(settings.patients)
        phantoms = phantom_scans(
            numbers, settings.scans, settings.size, settings.labels, settings.crop
        )
        return list(phantoms)
    return read_oct_folders(settings.folder, settings.label_folder, settings.size, settings.crop)


def check(settings: CataractSettings) -> dict[str, Any]:
    """What is understood of the data: scans, patients, eyes, pixels of each class (in the crop)."""
    scans = read_scans(settings)
    learn, test = split_patients(scans, settings.test_share, settings.seed)

    def of(part: list[LensScan]) -> dict[str, Any]:
        pixels = np.sum([np.bincount(s.classes.ravel(), minlength=3) for s in part], axis=0)
        return {
            "images": len(part),
            "patients": len({scan.patient for scan in part}),
            "eyes": len({(scan.patient, scan.eye) for scan in part}),
            "pixels": dict(zip(CLASSES, pixels.tolist(), strict=True)),
        }

    return of(scans) | {"train": of(learn), "test": of(test)}


def judge(settings: CataractSettings) -> dict[str, Any]:
    """Dice of each class on the test patients' scans, by the best checkpoint."""
    task = CataractTask(settings)
    checkpoint = settings.output / "best.ckpt"
    if not checkpoint.is_file():
        raise TrainingDataError(f"{settings.output} holds no best.ckpt: train first.")
    task.network.load_state_dict(network_weights(checkpoint))
    _, test = split_patients(read_scans(settings), settings.test_share, settings.seed)
    counts = np.zeros((len(CLASSES), 3))
    for image, labels in (oct_augmentation(None)(item) for item in LensScans(test)):
        counts += task.counted(image.as_subclass(Tensor)[None], labels.as_subclass(Tensor)[None])
    both, found, truth = counts.T
    dice = 2 * both / np.maximum(found + truth, 1)
    return {
        "data": "test patients",
        "n": len(test),
        "patients": len({scan.patient for scan in test}),
        "Dice": dict(zip(CLASSES, dice.tolist(), strict=True)),
        "training_minutes": training_minutes(checkpoint),
    }


def train(settings: CataractSettings) -> Path:
    """Train the cataract U-Net; returns the best checkpoint."""
    if settings.labels not in LABELS:
        raise TrainingDataError(
            f"labels = {settings.labels!r}, expected one of {', '.join(LABELS)}."
        )
    torch.manual_seed(settings.seed)
    learn, test = split_patients(read_scans(settings), settings.test_share, settings.seed)
    samples = SeededSamples(LensScans(learn), oct_augmentation(settings.strength), settings.seed)

    def padded(items: list) -> tuple[Tensor, Tensor]:
        return stack_padded(items, settings.size)

    loader = DataLoader(
        samples,
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
        num_workers=settings.workers,
        collate_fn=padded,
    )
    # As many training scans as test scans are watched, spread over all patients.
    watched = learn[:: max(1, len(learn) // len(test))]
    plain = oct_augmentation(None)
    validation = [
        DataLoader(
            [plain(item) for item in LensScans(part)],  # type: ignore[attr-defined]
            batch_size=settings.batch_size,
            collate_fn=padded,
        )
        for part in (watched, test)
    ]
    return fit(CataractTask(settings), loader, validation, settings)


def stack_padded(items: list, size: int) -> tuple[Tensor, Tensor]:
    """A batch of (image, labels), each padded with 0 right and below to ``size``."""
    images, labels = [], []
    for image, mask in items:
        pad = [0, size - image.shape[-1], 0, size - image.shape[-2]]
        images.append(F.pad(image.as_subclass(Tensor), pad))
        labels.append(F.pad(mask.as_subclass(Tensor), pad))
    return torch.stack(images), torch.stack(labels)


if __name__ == "__main__":
    run_trainer(CataractSettings, train, check, judge)
