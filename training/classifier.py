"""Train a classifier of CT pictures: ``python -m training.classifier --config FILE``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from medai.errors import TrainingDataError
from medai.networks import ctnet10, transfer_classifier, unet_classifier
from training.augmentation import picture_augmentation
from training.classification import ClassificationTask
from training.command import run_trainer
from training.fit import RunSettings, fit
from training.initial import read_initial
from training.normalization import Normalization
from training.pictures import (
    ClassifiedPicture,
    FramedPictures,
    read_class_folders,
    read_covidx,
    refuse_shared_patients,
)
from training.sampling import EpochSampler, SeededSamples


@dataclass(frozen=True)
class PictureSettings(RunSettings):
    """What the trainers on classified pictures share.

    train, validation: folders with one folder per class of ``classes`` (disease last), or, with
    ``covidx``, folders of COVIDx-CT's pictures, which carry the class in their name; train_list,
    validation_list: text files naming those of the split. split:
    "given" takes the two folders as they are; "random" mixes their pictures and splits them
    80/10/10 as the source paper did, which leaks patients, and says so. size: px on a side of the
    frame. strength: of the augmentation. smoothing, mixup: see ``ClassificationTask``.
    """

    train: Path = Path()
    validation: Path = Path()
    classes: tuple[str, ...] = ("noncovid", "covid")
    covidx: bool = False
    train_list: Path | None = None
    validation_list: Path | None = None
    split: str = "given"
    size: int = 224
    strength: float = 1.0
    mean: float = 0.5
    std: float = 0.3
    smoothing: float = 0.0
    mixup: float = 0.0


@dataclass(frozen=True)
class ClassifierSettings(PictureSettings):
    """Configuration of ``training.classifier``.

    network: "ctnet10", "unet_classifier" or a name of ``transfer_classifier``. width: of
    "unet_classifier", levels: of it. initial: a state dict to start from: of a lesion U-Net for
    "unet_classifier" (its encoder is taken), of torchvision's network for the others (its head is
    left out; ImageNet weights are used when you give their file, never downloaded). freeze:
    start of the names of parameters that don't train.
    """

    network: str = "ctnet10"
    width: int = 24
    levels: int = 2
    initial: Path | None = None
    freeze: tuple[str, ...] = field(default=())


def split_pictures(
    settings: PictureSettings,
) -> tuple[list[ClassifiedPicture], list[ClassifiedPicture]]:
    """Training and validation pictures; with the given split no patient is in both."""
    if settings.covidx:
        learn = read_covidx(settings.train, settings.classes, settings.train_list)
        kept = read_covidx(settings.validation, settings.classes, settings.validation_list)
    else:
        learn = read_class_folders(settings.train, settings.classes)
        kept = read_class_folders(settings.validation, settings.classes)
    if settings.split == "given":
        refuse_shared_patients(learn, kept, f"{settings.train} and {settings.validation}")
        return learn, kept
    if settings.split != "random":
        raise TrainingDataError(f"split = {settings.split!r}, expected given or random.")
    warnings.warn(
        "A random split puts pictures of one patient on both sides: its figures are too good.",
        stacklevel=2,
    )
    pictures = learn + kept
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.randperm(len(pictures), generator=generator).tolist()
    tenth = len(pictures) // 10
    # 80/10/10: the last tenth is the paper's test part, which no training may look at.
    return [pictures[i] for i in order[2 * tenth :]], [
        pictures[i] for i in order[tenth : 2 * tenth]
    ]


def picture_loaders(
    settings: PictureSettings, learn: list[ClassifiedPicture], kept: list[ClassifiedPicture]
) -> tuple[DataLoader, DataLoader]:
    """Loaders of augmented training pictures and of plain validation pictures."""
    size = (settings.size, settings.size)
    counts = torch.bincount(torch.tensor([p.label for p in learn]), minlength=len(settings.classes))
    weights = torch.tensor([1.0 / float(counts[p.label]) for p in learn])
    samples = SeededSamples(
        FramedPictures(learn, size),
        picture_augmentation(settings.strength),
        settings.seed,
        weights=weights,
    )
    loader = DataLoader(
        samples,
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
        num_workers=settings.workers,
    )
    return loader, DataLoader(FramedPictures(kept, size), batch_size=settings.batch_size)


def network_of(settings: ClassifierSettings) -> nn.Module:
    """The network of ``settings`` with its initial weights."""
    outputs = 1 if len(settings.classes) == 2 else len(settings.classes)
    start = None
    if settings.initial is not None:
        start = read_initial(settings.initial)
    if settings.network == "unet_classifier":
        encoder = unet_classifier(settings.width, settings.levels, outputs)
        if start is not None:
            encoder.copy_segmentation_weights(start)
        network: nn.Module = encoder
    else:
        network = (
            ctnet10()
            if settings.network == "ctnet10"
            else transfer_classifier(settings.network, outputs)
        )
        if start is not None:
            own = network.state_dict()
            fitting = {k: v for k, v in start.items() if k in own and own[k].shape == v.shape}
            network.load_state_dict(own | fitting)
    for name, parameter in network.named_parameters():
        if name.startswith(settings.freeze):
            parameter.requires_grad = False
    return network


def train(settings: ClassifierSettings) -> Path:
    """Train the classifier of ``settings``; returns the best checkpoint."""
    torch.manual_seed(settings.seed)
    learn, kept = split_pictures(settings)
    loader, validation = picture_loaders(settings, learn, kept)
    task = ClassificationTask(
        network_of(settings),
        settings,
        Normalization(settings.mean, settings.std),
        len(settings.classes),
        smoothing=settings.smoothing,
        mixup=settings.mixup,
    )
    return fit(task, loader, validation, settings)


if __name__ == "__main__":
    run_trainer(ClassifierSettings, train)
