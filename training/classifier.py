"""Train a classifier of CT pictures: ``python -m training.classifier --config FILE``.

``--check`` prints what was understood of the data, ``--judge`` judges the best checkpoint on the
test part.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from medai.errors import TrainingDataError
from medai.networks import (
    LungClassifier,
    ctnet10,
    lung_classifier,
    transfer_classifier,
    unet_classifier,
)
from training.augmentation import picture_augmentation
from training.classification import ClassificationTask
from training.command import run_trainer
from training.export import network_weights
from training.fit import RunSettings, fit
from training.initial import load_fitting, read_initial
from training.normalization import GIVEN, Normalization, with_statistics
from training.pictures import (
    ClassifiedPicture,
    FramedPictures,
    drawn,
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
    validation_list: text files naming those of the split; test, test_list: of the part that is
    judged and that no training looks at. split:
    "given" takes the two folders as they are; "random" mixes their pictures and splits them
    80/10/10 as the source paper did, which leaks patients, and says so. sample, sample_per_class:
    see ``pictures.drawn``. balance: draw each class equally often. size: px on a side of the
    frame. strength: of the augmentation. normalization: "given" takes mean, std (of grey/255),
    "training set" computes them. loss, smoothing, mixup: see ``ClassificationTask``.
    """

    train: Path = Path()
    validation: Path = Path()
    classes: tuple[str, ...] = ("noncovid", "covid")
    covidx: bool = False
    train_list: Path | None = None
    validation_list: Path | None = None
    test: Path | None = None
    test_list: Path | None = None
    split: str = "given"
    sample: int = 0
    sample_per_class: int = 0
    balance: bool = True
    size: int = 224
    strength: float = 1.0
    normalization: str = GIVEN
    mean: float = 0.5
    std: float = 0.3
    loss: str = "cross_entropy"
    smoothing: float = 0.0
    mixup: float = 0.0


@dataclass(frozen=True)
class ClassifierSettings(PictureSettings):
    """Configuration of ``training.classifier``.

    network: "ctnet10", "lung_classifier", "unet_classifier" or a name of ``transfer_classifier``.
    width: of "unet_classifier", levels: of it. initial: a file to start from
    (``training.initial``): of a lesion U-Net for "unet_classifier" and of an encoder U-Net for
    "lung_classifier" (its encoder is taken), of torchvision's network or of an earlier run for the
    others (what fits is taken, what is left out is said; ImageNet weights are used when you give
    their file, never downloaded). lungs: checkpoint of ``training.lung_pictures`` for
    "lung_classifier". also: a folder as ``train``, of pictures of another origin. freeze: start of
    the names of parameters that don't train; batch norms that are frozen keep their statistics.
    encoder_rate: of the learning rate of a "lung_classifier"'s encoder to the others'. l1, l2:
    weight of the penalty on the kernels of a layer, by its name.
    """

    network: str = "ctnet10"
    width: int = 24
    levels: int = 2
    initial: Path | None = None
    lungs: Path | None = None
    also: Path | None = None
    freeze: tuple[str, ...] = field(default=())
    encoder_rate: float = 1.0
    l1: dict[str, float] = field(default_factory=dict)
    l2: dict[str, float] = field(default_factory=dict)


def split_pictures(
    settings: PictureSettings,
) -> tuple[list[ClassifiedPicture], list[ClassifiedPicture]]:
    """Training and validation pictures; with the given split no patient is in both."""
    learn = _read(settings, settings.train, settings.train_list)
    kept = _read(settings, settings.validation, settings.validation_list)
    if settings.split == "given":
        refuse_shared_patients(learn, kept, "The pictures to train and to validate on")
        return drawn(learn, settings.sample, settings.sample_per_class, settings.seed), kept
    if settings.split != "random":
        raise TrainingDataError(f"split = {settings.split!r}, expected given or random.")
    warnings.warn(
        "A random split puts pictures of one patient on both sides: its figures are too good.",
        stacklevel=2,
    )
    _, kept, learn = _tenths(learn + kept, settings.seed)
    return learn, kept


def held_out_pictures(settings: PictureSettings) -> list[ClassifiedPicture]:
    """The part that is judged and that no training looks at.

    Of a random split its test tenth, else ``test`` and ``test_list``. Raises TrainingDataError
    where neither is given, or a patient is in the training part too.
    """
    if settings.split == "random":
        both = [(settings.train, settings.train_list)]
        both.append((settings.validation, settings.validation_list))
        pictures = [picture for where in both for picture in _read(settings, *where)]
        return _tenths(pictures, settings.seed)[0]
    if settings.test is None and settings.test_list is None:
        raise TrainingDataError("The configuration names no test part: set test or test_list.")
    pictures = _read(settings, settings.test or settings.train, settings.test_list)
    learn, _ = split_pictures(settings)
    refuse_shared_patients(learn, pictures, "The pictures to train and to judge on")
    return pictures


def check(settings: PictureSettings) -> dict[str, Any]:
    """What is understood of the data: pictures, patients, pictures of each class, of each part."""
    learn, kept = split_pictures(settings)
    parts = {"train": learn, "validation": kept}
    if settings.split == "random" or settings.test is not None or settings.test_list is not None:
        parts["test"] = held_out_pictures(settings)

    def of(pictures: list[ClassifiedPicture]) -> dict[str, Any]:
        labels = [picture.label for picture in pictures]
        return {
            "images": len(pictures),
            "patients": len({picture.patient for picture in pictures}),
            "classes": {n: labels.count(k) for k, n in enumerate(settings.classes)},
        }

    everything = [picture for part in parts.values() for picture in part]
    known = with_statistics(settings, (picture.image for picture in learn))
    return (
        of(everything)
        | {name: of(part) for name, part in parts.items()}
        | {"normalization": {"mean": known.mean, "std": known.std}}
    )


def _read(settings: PictureSettings, folder: Path, listed: Path | None) -> list[ClassifiedPicture]:
    if settings.covidx:
        return read_covidx(folder, settings.classes, listed)
    return read_class_folders(folder, settings.classes)


def _tenths(pictures: list[ClassifiedPicture], seed: int) -> list[list[ClassifiedPicture]]:
    """80/10/10 at random: the test part, which no training may look at, validation, training."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pictures), generator=generator).tolist()
    tenth = len(pictures) // 10
    parts = (order[:tenth], order[tenth : 2 * tenth], order[2 * tenth :])
    return [[pictures[i] for i in part] for part in parts]


def picture_loaders(
    settings: PictureSettings,
    learn: list[ClassifiedPicture],
    kept: list[ClassifiedPicture],
    also: list[ClassifiedPicture] | None = None,
) -> tuple[DataLoader, DataLoader]:
    """Loaders of augmented training pictures and of plain validation pictures.

    also: training pictures of another origin. Each class of each origin is drawn equally often, so
    that where a picture is from says nothing about its class.
    """
    size = (settings.size, settings.size)
    weights = None
    if settings.balance:
        weights = torch.cat(
            [_class_weights(part, settings.classes) for part in (learn, also or [])]
        )
    samples = SeededSamples(
        FramedPictures([*learn, *(also or [])], size),
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


def _class_weights(pictures: list[ClassifiedPicture], classes: tuple[str, ...]) -> torch.Tensor:
    labels = torch.tensor([picture.label for picture in pictures], dtype=torch.int64)
    counts = torch.bincount(labels, minlength=len(classes))
    return 1.0 / counts[labels].float()


def network_of(settings: ClassifierSettings) -> nn.Module:
    """The network of ``settings`` with its initial weights."""
    outputs = 1 if len(settings.classes) == 2 else len(settings.classes)
    if settings.network == "unet_classifier":
        encoder = unet_classifier(settings.width, settings.levels, outputs)
        if settings.initial is not None:
            encoder.copy_segmentation_weights(read_initial(settings.initial))
        network: nn.Module = encoder
    else:
        network = _plain_network(settings, outputs)
        if settings.initial is not None:
            load_fitting(network, read_initial(settings.initial), settings.initial)
    for name, parameter in network.named_parameters():
        if name.startswith(settings.freeze):
            parameter.requires_grad = False
    return network


def _plain_network(settings: ClassifierSettings, outputs: int) -> nn.Module:
    if settings.network == "ctnet10":
        return ctnet10()
    if settings.network != "lung_classifier":
        return transfer_classifier(settings.network, outputs)
    network = lung_classifier(outputs=outputs)
    if settings.lungs is None:
        raise TrainingDataError(
            "lungs is missing, expected a checkpoint of training.lung_pictures: a lung classifier "
            "can't learn to find lungs itself."
        )
    network.lungs.load_state_dict(network_weights(settings.lungs))
    return network


def train(settings: ClassifierSettings) -> Path:
    """Train the classifier of ``settings``; returns the best checkpoint."""
    torch.manual_seed(settings.seed)
    learn, kept = split_pictures(settings)
    settings = with_statistics(settings, (picture.image for picture in learn))
    also = None if settings.also is None else read_class_folders(settings.also, settings.classes)
    loader, validation = picture_loaders(settings, learn, kept, also)
    network = network_of(settings)
    task = ClassificationTask(
        network,
        settings,
        Normalization(settings.mean, settings.std),
        len(settings.classes),
        loss=settings.loss,
        smoothing=settings.smoothing,
        mixup=settings.mixup,
        l1=settings.l1,
        l2=settings.l2,
    )
    if isinstance(network, LungClassifier):
        task.slower = network.encoder, settings.encoder_rate
    return fit(task, loader, validation, settings)


def judge(settings: ClassifierSettings) -> dict[str, Any]:
    """The best checkpoint on the test part (``judge_pictures.judge_network``)."""
    from training.judge_pictures import judge_network

    learn, _ = split_pictures(settings)
    known = with_statistics(settings, (picture.image for picture in learn))
    return judge_network(
        network_of(replace(known, initial=None)), known, held_out_pictures(settings)
    )


if __name__ == "__main__":
    run_trainer(ClassifierSettings, train, check, judge)
