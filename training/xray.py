"""Train lungs and opacities of chest radiographs: ``python -m training.xray --config FILE``.

One network learns from sets that each tell only part: lungs without opacities, and opacities
whose lungs are outlined by another rule. A pixel's label is the set of classes it may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from medai.inference.running.letterbox import Frame, normalise
from medai.inference.xray.contrast import even_contrast
from medai.networks import encoder_unet
from training.augmentation import picture_augmentation
from training.command import run_trainer
from training.fit import RunSettings, Task, fit
from training.imagenet import start_from_imagenet
from training.normalization import Normalization
from training.radiographs import (
    ANY_LUNG,
    BACKGROUND,
    CONSOLIDATION,
    GROUND_GLASS,
    Radiograph,
    kept_patients,
    read_lung_radiographs,
    read_opacity_radiographs,
    read_scored_radiographs,
    split_lung_radiographs,
)
from training.sampling import EpochSampler, SeededSamples
from training.segmentation import dice, predict

CLASSES = 4
_ALL = 2**CLASSES - 1
_ENCODER = "lite0"
# What Dice is asked of: lungs, opacities, consolidations; each where a label tells it.
_GROUPS = (ANY_LUNG, GROUND_GLASS | CONSOLIDATION, CONSOLIDATION)


@dataclass(frozen=True)
class XraySettings(RunSettings):
    """Configuration of ``training.xray``.

    lungs, opacities, scored: folders as ``radiographs`` reads them; of ``scored`` only the
    patients count, who are split together with those of ``opacities``. hold_out: False trains on
    all. opacity_share: of the samples. encoder_rate: of the learning rate, for the encoder. size:
    px on a side. strength: of the augmentation. mean, std: of grey/255.
    """

    lungs: Path = Path()
    opacities: Path = Path()
    scored: Path = Path()
    hold_out: bool = True
    opacity_share: float = 0.5
    encoder_rate: float = 0.3
    size: int = 256
    strength: float = 0.7
    mean: float = 0.5
    std: float = 0.3


class RadiographTask(Task):
    """Partial labels: cross-entropy and Dice of what a label tells."""

    judged = "dice"

    def __init__(self, network: nn.Module, settings: XraySettings) -> None:
        super().__init__(network, settings)
        self.normal = Normalization(settings.mean, settings.std)
        self.size = (settings.size, settings.size)

    def training_step(self, batch: Sequence[Tensor], batch_index: int) -> Tensor:
        images, labels = batch
        images = normalise(255 * images, self.normal.mean, self.normal.std)
        if self.settings.channels_last:
            images = images.to(memory_format=torch.channels_last)
        loss = partial_label_loss(self.network(images).float(), labels)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: list[tuple[NDArray, NDArray]], batch_index: int) -> None:
        for grey, labels in batch:
            classes = predict(self.best_network, grey, self.normal, self.size, self.device)
            scores = [group_dice(classes.argmax(0), labels, group) for group in _GROUPS[:2]]
            for name, score in zip(("lungs", "opacity"), scores, strict=True):
                if score is not None:
                    self.log(f"dice_{name}", score, batch_size=1, on_epoch=True)
            known = [score for score in scores if score is not None]
            self.log("dice", sum(known) / len(known), batch_size=1, on_epoch=True)


def partial_label_loss(logits: Tensor, labels: Tensor, *, smooth: float = 1.0) -> Tensor:
    """How little probability the allowed classes have, plus soft Dice of each group of classes.

    logits: (n, 4, y, x). labels: (n, y, x), allowed classes as bits; 0 counts as background.
    Dice leaves out pixels whose label does not tell whether they are of the group.
    """
    labels = torch.where(labels == 0, BACKGROUND, labels.long())
    bits = 2 ** torch.arange(CLASSES, device=labels.device)
    allowed = (labels[:, None] & bits[:, None, None]) > 0
    log_p = logits.log_softmax(dim=1)
    cross = -log_p.masked_fill(~allowed, -torch.inf).logsumexp(dim=1).mean()
    p = log_p.exp()
    terms = []
    for group in _GROUPS:
        inside, told = _told(labels, group)
        share = p[:, [c for c in range(CLASSES) if group >> c & 1]].sum(dim=1)[told]
        truth = inside[told].float()
        both = (share * truth).sum()
        terms.append(1 - (2 * both + smooth) / (share.sum() + truth.sum() + smooth))
    return cross + torch.stack(terms).mean()


def group_dice(found: NDArray, labels: NDArray, group: int) -> float | None:
    """Dice of a group of classes over the pixels whose label tells; None where none is told to be
    in it, or most of the picture is not told.

    found: class numbers (y, x). labels: allowed classes as bits (y, x).
    """
    inside, told = _told(labels, group)
    if not inside.any() or told.mean() < 0.5:
        return None
    called = (1 << found.astype(np.int64)) & group > 0
    return dice(called[told], inside[told])


def _told(labels, group: int):
    """Where a label is inside the group, and where it tells inside from outside."""
    inside = (labels & (_ALL ^ group)) == 0
    return inside, inside | ((labels & group) == 0)


class FramedRadiographs:
    """Radiographs at one size as items for augmentation: (image, labels) tv_tensors."""

    def __init__(self, pictures: Sequence[Radiograph], size: tuple[int, int]) -> None:
        self.items = []
        for item in pictures:
            frame = Frame.fit(item.pixels.shape, size)
            grey = frame.into(torch.from_numpy(even_contrast(item.pixels))[None])[0]
            labels = frame.into_labels(torch.from_numpy(item.labels)[None])[0]
            self.items.append(
                (tv_tensors.Image(grey.round().to(torch.uint8)), tv_tensors.Mask(labels))
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int):
        return self.items[index]


def split(
    settings: XraySettings,
) -> tuple[list[Radiograph], list[Radiograph], list[Radiograph]]:
    """Lungs and opacities to train on, and what is kept for judging, with other patients."""
    lungs, lungs_kept = split_lung_radiographs(read_lung_radiographs(settings.lungs))
    opacities = read_opacity_radiographs(settings.opacities)
    scored = read_scored_radiographs(settings.scored)
    patients = kept_patients([item.patient for item in (*opacities, *scored)])
    kept = [*lungs_kept, *(item for item in opacities if item.patient in patients)]
    if not settings.hold_out:
        return [*lungs, *lungs_kept], opacities, kept
    return lungs, [item for item in opacities if item.patient not in patients], kept


def train(settings: XraySettings) -> Path:
    """Train the network; returns the best checkpoint."""
    torch.manual_seed(settings.seed)
    lungs, opacities, kept = split(settings)
    share = settings.opacity_share
    weights = torch.tensor(
        [(1 - share) / len(lungs)] * len(lungs) + [share / len(opacities)] * len(opacities)
    )
    samples = SeededSamples(
        FramedRadiographs([*lungs, *opacities], (settings.size, settings.size)),
        picture_augmentation(settings.strength),
        settings.seed,
        weights,
    )
    loader = DataLoader(
        samples,
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
        num_workers=settings.workers,
    )
    judged = [(even_contrast(item.pixels), item.labels) for item in kept]
    validation = DataLoader(judged, batch_size=4, collate_fn=list)
    network = encoder_unet(in_channels=1, classes=CLASSES, encoder=_ENCODER)
    start_from_imagenet(network.encoder, _ENCODER)
    task = RadiographTask(network, settings)
    task.slower = (task.network.encoder, settings.encoder_rate)
    return fit(task, loader, validation, settings)


if __name__ == "__main__":
    run_trainer(XraySettings, train)
