"""Train a lesion network: ``python -m training.lesions --config FILE [--set key=value]``.

``--check`` prints what was understood of the data, ``--judge`` judges the best checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import ConcatDataset, DataLoader

from medai.errors import TrainingDataError
from medai.networks import EncoderUNet, UNet, encoder_unet, lesion_mask_rcnn, unet
from training.augmentation import slice_augmentation
from training.command import run_trainer
from training.detection import DetectionTask, WithInstances, loosen_matching
from training.fit import RunSettings, Task, fit, training_minutes
from training.imagenet import start_from_imagenet
from training.initial import load_initial
from training.judged_model import model_of_run
from training.lesion_check import counted
from training.lesion_slices import CLASSES, LesionSlice, read_lesion_slices, split_folds
from training.normalization import GIVEN, Normalization, with_statistics
from training.phantom_slices import phantom_slices
from training.pictures import refuse_shared_patients
from training.real_lungs import (
    PastedLesions,
    read_real_lungs,
    split_real_lungs,
    without_lesions,
)
from training.sampling import EpochSampler, SeededSamples
from training.segmentation import AsShares, Crops, SegmentationTask
from training.soft_slices import SoftSlices, read_soft_slices

# Tests and benchmarks draw synthetic patients of lower numbers.
_FIRST_PHANTOM = 1000


@dataclass(frozen=True)
class LesionSettings(RunSettings):
    """Configuration of ``training.lesions``.

    images, masks: folders of slices. mask_values: what each value of a mask is
    (``lesion_slices.MASK_NAMES``). rotate: how they lie (``lesion_slices.orient``). patients:
    regular expression for the patient in a file name. validation_images, validation_masks: folders
    of the slices to validate on, where they are apart. train_list, validation_list: text files
    naming the slices of a split; without lists and folders fold, folds: the fold kept for
    validation; hold_out: false trains on that fold too, which its validation figure then has seen.
    size: px on a side of the frame the slices are fitted into. crop: px on a side of what a
    training step sees; ``size`` for whole slices. strength: of the augmentation, 0..1.
    normalization: "given" takes mean, std (of grey/255), "training set" computes them. network:
    "encoder_unet" (encoder, classes), "unet" (width, classes) or "lesion_mask_rcnn" (backbone,
    truncation, lesion_classes, scores). imagenet: start the encoder from ImageNet's weights;
    encoder_rate: of its learning rate to the others'. initial: a file to start from
    (``training.initial``). pseudo: soft labels of unlabelled slices (``training.pseudo_labels``),
    drawn for the share ``pseudo_share`` of the samples; U-Nets only. phantoms: synthetic patients
    (``phantom_slices``), whose slices are drawn for the share ``phantom_share``: they teach what
    healthy lungs and few lesions look like. real_lungs: slices without COVID-19
    (``real_lungs.read_real_lungs``), drawn as they are for the share ``healthy_share`` and with
    pasted lesions for ``pasted_share``. Mask R-CNN only: least_px: smaller lesions are background.
    encoding: "paper", or "code" to go on from the S2 authors' checkpoints (with mean 0, std 1).
    regions: regions per slice that the heads learn from. proposal_iou, region_iou: see
    ``loosen_matching``. dense_weight: see ``DetectionTask``.
    """

    images: Path = Path()
    masks: Path = Path()
    mask_values: dict[str, str] | None = None
    validation_images: Path | None = None
    validation_masks: Path | None = None
    rotate: str = "none"
    patients: str | None = None
    train_list: Path | None = None
    validation_list: Path | None = None
    fold: int = 0
    folds: int = 5
    split_seed: int = 0
    hold_out: bool = True
    size: int = 320
    crop: int = 192
    strength: float = 1.0
    normalization: str = GIVEN
    mean: float = 0.5
    std: float = 0.3
    network: str = "unet"
    width: int = 24
    classes: int = 3
    encoder: str = "lite0"
    imagenet: bool = False
    encoder_rate: float = 1.0
    pseudo: Path | None = None
    pseudo_share: float = 0.4
    phantoms: int = 0
    phantom_share: float = 0.15
    real_lungs: Path | None = None
    healthy_share: float = 0.1
    pasted_share: float = 0.1
    backbone: str = "resnet18"
    truncation: int = 1
    lesion_classes: int = 1
    scores: str = "softmax"
    encoding: str = "paper"
    least_px: int = 100
    regions: int = 256
    proposal_iou: float = 0.7
    region_iou: float = 0.75
    dense_weight: float = 0.0
    initial: Path | None = None


def split(settings: LesionSettings) -> tuple[list[LesionSlice], list[LesionSlice]]:
    """Training and validation slices, by lists, folders or ``settings.fold``; no patient in both.

    Raises TrainingDataError for what ``read_lesion_slices`` refuses, a patient in both parts, or an
    empty part.
    """
    apart = settings.validation_images is not None
    listed = settings.train_list is not None and settings.validation_list is not None
    if apart or listed:
        if (settings.validation_images is None) != (settings.validation_masks is None):
            raise TrainingDataError("validation_images and validation_masks belong together.")
        train = _read(settings, settings.images, settings.masks, settings.train_list)
        kept = _read(
            settings,
            settings.validation_images or settings.images,
            settings.validation_masks or settings.masks,
            settings.validation_list,
        )
        refuse_shared_patients(train, kept, "The slices to train and to validate on")
        return train, kept
    slices = _read(settings, settings.images, settings.masks, None)
    folds = split_folds([item.patient for item in slices], settings.folds, settings.split_seed)
    train = [
        item
        for item, fold in zip(slices, folds, strict=True)
        if fold != settings.fold or not settings.hold_out
    ]
    kept = [item for item, fold in zip(slices, folds, strict=True) if fold == settings.fold]
    if not train or not kept:
        raise TrainingDataError(
            f"fold {settings.fold} of {settings.folds} leaves {len(train)} slices to train and "
            f"{len(kept)} to validate, expected some of each."
        )
    return train, kept


def _read(
    settings: LesionSettings, images: Path, masks: Path, listed: Path | None
) -> list[LesionSlice]:
    return read_lesion_slices(
        images,
        masks,
        rotate=settings.rotate,
        patients=settings.patients,
        listed=listed,
        mask_values=settings.mask_values,
    )


def check(settings: LesionSettings) -> dict[str, Any]:
    """What is understood of the data: images, patients and pixels of each class, in all and apart.

    Raises as ``split``.
    """
    learn, kept = split(settings)
    return counted({"train": learn, "validation": kept}, settings.mask_values) | {
        "normalization": _statistics(settings, learn)
    }


def _statistics(settings: LesionSettings, learn: list[LesionSlice]) -> Mapping[str, float]:
    known = with_statistics(settings, (item.image for item in learn))
    return {"mean": known.mean, "std": known.std}


def judge(settings: LesionSettings) -> dict[str, Any]:
    """The best checkpoint of the run on its validation slices (``judging.judge_lesions``)."""
    from training.judging import judge_lesions

    learn, kept = split(settings)
    settings = with_statistics(settings, (item.image for item in learn))
    outputs = settings.classes - 1
    if settings.network == "unet":
        arguments: dict[str, Any] = {"in_channels": 1, "classes": settings.classes}
        arguments["width"] = settings.width
    elif settings.network == "encoder_unet":
        arguments = {"classes": settings.classes, "encoder": settings.encoder}
    else:
        arguments = {"backbone": settings.backbone, "truncation": settings.truncation}
        arguments |= {"lesion_classes": settings.lesion_classes, "scores": settings.scores}
        arguments["encoding"] = settings.encoding
        outputs = settings.lesion_classes
    model = model_of_run(
        settings, "lesions", settings.network, arguments, ("lesion",) if outputs == 1 else CLASSES
    )
    minutes = training_minutes(settings.output / "best.ckpt")
    judged = {"data": "validation slices", "n": len(kept), "training_minutes": minutes}
    return judged | judge_lesions(model, kept)


def train(settings: LesionSettings) -> Path:
    """Train the lesion network of ``settings``; returns the best checkpoint."""
    torch.manual_seed(settings.seed)
    learn, kept = split(settings)
    settings = with_statistics(settings, (item.image for item in learn))
    detects = settings.network == "lesion_mask_rcnn"
    loader = DataLoader(
        samples_of(settings, learn),
        batch_size=settings.batch_size,
        sampler=EpochSampler(settings.steps_per_epoch * settings.batch_size),
        num_workers=settings.workers,
        collate_fn=list if detects else None,
    )
    pairs = [(item.image, item.mask) for item in kept]
    validation = DataLoader(pairs, batch_size=4, collate_fn=list)
    return fit(task_of(settings), loader, validation, settings)


def samples_of(settings: LesionSettings, learn: list[LesionSlice]) -> SeededSamples:
    """Augmented training samples: of the slices, of phantoms, and of pseudo-labelled slices."""
    size = (settings.size, settings.size)
    augment = slice_augmentation(settings.crop, strength=settings.strength)
    parts: list[tuple[Crops | PastedLesions | SoftSlices, float]] = []
    if settings.real_lungs is not None:
        lungs, _ = split_real_lungs(read_real_lungs(settings.real_lungs))
        parts.append((Crops(without_lesions(lungs), size), settings.healthy_share))
        parts.append((PastedLesions(lungs, learn, size), settings.pasted_share))
    if settings.phantoms:
        patients = range(_FIRST_PHANTOM, _FIRST_PHANTOM + settings.phantoms)
        parts.append((Crops(phantom_slices(patients), size), settings.phantom_share))
    if settings.network == "lesion_mask_rcnn":
        cut = WithInstances(augment, settings.lesion_classes, settings.least_px)
    else:
        cut = AsShares(augment, settings.classes)
        if settings.pseudo is not None:
            parts.append((read_soft_slices(settings.pseudo), settings.pseudo_share))
    crops = Crops(learn, size)
    if not parts:
        return SeededSamples(crops, cut, settings.seed)
    parts.append((crops, 1.0 - sum(share for _, share in parts)))
    weights = torch.cat([torch.full((len(part),), share / len(part)) for part, share in parts])
    return SeededSamples(ConcatDataset([part for part, _ in parts]), cut, settings.seed, weights)


def task_of(settings: LesionSettings) -> Task:
    """The network of ``settings`` and how it learns."""
    normal = Normalization(settings.mean, settings.std)
    size = (settings.size, settings.size)
    network: UNet | EncoderUNet
    if settings.network == "unet":
        network = unet(in_channels=1, classes=settings.classes, width=settings.width)
        task: Task = SegmentationTask(network, settings, normal, size)
    elif settings.network == "encoder_unet":
        network = encoder_unet(classes=settings.classes, encoder=settings.encoder)
        if settings.imagenet:
            start_from_imagenet(network.encoder, settings.encoder)
        task = SegmentationTask(network, settings, normal, size)
        task.slower = network.encoder, settings.encoder_rate
    elif settings.network == "lesion_mask_rcnn":
        regional = lesion_mask_rcnn(
            settings.backbone,
            settings.truncation,
            settings.lesion_classes,
            settings.scores,
            settings.encoding,
        )
        loosen_matching(regional, settings.proposal_iou, settings.region_iou)
        regional.roi_heads.fg_bg_sampler.batch_size_per_image = settings.regions
        task = DetectionTask(regional, settings, normal, size, settings.crop, settings.dense_weight)
    else:
        raise TrainingDataError(
            f"network = {settings.network!r}, expected encoder_unet, unet or lesion_mask_rcnn."
        )
    if settings.initial is not None:
        load_initial(task.network, settings.initial)
    return task


if __name__ == "__main__":
    run_trainer(LesionSettings, train, check, judge)
