"""Train a COVID-CT-Mask-Net: ``python -m training.covid_mask_net --config FILE``.

``--check`` prints what was understood of the data, ``--judge`` judges the best checkpoint on the
test part.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from medai.errors import TrainingDataError
from medai.inference.covid.mask_net import mask_net_regions
from medai.inference.running.letterbox import normalise
from medai.networks import CovidMaskNet, covid_mask_net
from medai.networks.covid_mask_net import NUMBERS_PER_REGION
from training.classification import ClassificationTask
from training.classifier import (
    PictureSettings,
    check,
    held_out_pictures,
    picture_loaders,
    split_pictures,
)
from training.command import run_trainer
from training.fit import fit
from training.initial import read_initial
from training.normalization import Normalization, with_statistics
from training.pictures import FramedPictures
from training.sampling import EpochSampler, SeededSamples


@dataclass(frozen=True)
class MaskNetSettings(PictureSettings):
    """Configuration of ``training.covid_mask_net``.

    backbone, truncation, lesion_classes, scores: of the lesion network, whose weights are the file
    ``initial`` (``training.initial``). encoding: "paper", or "code" to feed and read regions as the
    authors' code does (mean 0, std 1). norms: the paper's way, S and the batch-norm weights train
    on pictures; without it the region network stays as it is, each picture goes through it once,
    and only S trains.
    """

    initial: Path = Path()
    backbone: str = "resnet18"
    truncation: int = 1
    lesion_classes: int = 1
    scores: str = "softmax"
    encoding: str = "paper"
    norms: bool = True
    size: int = 512


class RegionTask(ClassificationTask):
    """S alone, on region vectors that were found beforehand."""

    def _fed(self, images: Tensor) -> Tensor:
        return images


class RegionScorer(nn.Module):
    """A COVID-CT-Mask-Net that is fed region vectors (n, 5·128) instead of pictures."""

    def __init__(self, whole: CovidMaskNet) -> None:
        super().__init__()
        self.whole = whole
        for name, parameter in whole.named_parameters():
            parameter.requires_grad = name.startswith("s.")

    def forward(self, vectors: Tensor) -> Tensor:
        return self.whole.s(vectors)


class RegionVectors:
    """What S receives for each picture: items (vector (5·128,), label), found as inference does."""

    def __init__(
        self, network: CovidMaskNet, pictures: FramedPictures, normal: Normalization
    ) -> None:
        network.eval()
        self.items: list[tuple[Tensor, int]] = []
        for image, label in pictures:
            x = normalise(image.as_subclass(Tensor).float()[None], normal.mean, normal.std)
            regions = mask_net_regions(network, x, torch.device("cpu"))
            vector = network.region_vector(regions, image.shape[-2], image.shape[-1])[0]
            self.items.append((vector.clone(), label))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.items[index]


def jitter_regions(item: tuple[Tensor, int]) -> tuple[Tensor, int]:
    """A region vector as another picture of the same patient could give it.

    Left and right exchanged half of the time, all boxes shifted and scaled together, scores and
    boxes disturbed a little; the ranking stays.
    """
    vector, label = item
    table = vector.reshape(-1, NUMBERS_PER_REGION).clone()
    boxes, scores = table[:, :4], table[:, 4:]
    if torch.rand(()) < 0.5:
        boxes = torch.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], dim=1)
    scale = 1 + 0.2 * (2 * torch.rand(2) - 1)
    shift = 0.1 * (2 * torch.rand(2) - 1)
    boxes = (boxes - 0.5) * scale.repeat(2) + 0.5 + shift.repeat(2)
    boxes = (boxes + 0.01 * torch.randn_like(boxes)).clamp(0, 1)
    scores = (scores * (1 + 0.1 * torch.randn(1))).clamp(0, 1)
    return torch.cat([boxes, scores], dim=1).flatten(), label


def _as_it_is(item: tuple[Tensor, int]) -> tuple[Tensor, int]:
    return item


def network_of(settings: MaskNetSettings) -> CovidMaskNet:
    """The network of ``settings`` on top of its lesion network."""
    network = covid_mask_net(
        settings.backbone,
        settings.truncation,
        settings.lesion_classes,
        settings.scores,
        classes=len(settings.classes),
        encoding=settings.encoding,
    )
    network.copy_segmentation_weights(read_initial(settings.initial))
    return network


def train(settings: MaskNetSettings) -> Path:
    """Train the COVID-CT-Mask-Net of ``settings``; returns the best checkpoint."""
    torch.manual_seed(settings.seed)
    learn, kept = split_pictures(settings)
    settings = with_statistics(settings, (picture.image for picture in learn))
    network = network_of(settings)
    normal = Normalization(settings.mean, settings.std)
    classes = len(settings.classes)
    if settings.norms:
        loader, validation = picture_loaders(settings, learn, kept)
        task = ClassificationTask(
            network, settings, normal, classes, loss=settings.loss, smoothing=settings.smoothing
        )
        return fit(task, loader, validation, settings)
    size = (settings.size, settings.size)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    vectors, held = (
        RegionVectors(network, FramedPictures(part, size), normal) for part in (learn, kept)
    )
    if settings.strength and settings.encoding == "code":
        raise TrainingDataError(
            f"strength = {settings.strength:g} with encoding = 'code', expected 0: only regions of "
            "the paper's encoding can be jittered."
        )
    jitter = jitter_regions if settings.strength else _as_it_is
    samples = SeededSamples(vectors, jitter, settings.seed)
    loader = DataLoader(
        samples,
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
    )
    task = RegionTask(
        RegionScorer(network),
        settings,
        normal,
        classes,
        loss=settings.loss,
        smoothing=settings.smoothing,
    )
    return fit(task, loader, DataLoader(held, batch_size=64), settings)


def judge(settings: MaskNetSettings) -> dict[str, Any]:
    """The best checkpoint on the test part (``judge_pictures.judge_network``)."""
    from training.judge_pictures import judge_network

    learn, _ = split_pictures(settings)
    settings = with_statistics(settings, (picture.image for picture in learn))
    return judge_network(network_of(settings), settings, held_out_pictures(settings))


if __name__ == "__main__":
    run_trainer(MaskNetSettings, train, check, judge)
