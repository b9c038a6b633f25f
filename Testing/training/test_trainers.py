"""Every trainer learns eight phantom images by heart."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medai.networks import lesion_mask_rcnn
from Testing.training.runs import lesion_settings, on_pictures, quick
from training import cataract, classifier, covid_mask_net, lesions, raters
from training.classification import probability
from training.detection import predict_lesion
from training.export import network_weights
from training.lesion_slices import LesionSlice
from training.normalization import Normalization
from training.pictures import FramedPictures, read_class_folders
from training.segmentation import dice, predict


def mean_dice(found: list[np.ndarray], slices: list[LesionSlice]) -> float:
    return float(np.mean([dice(f, s.mask > 0) for f, s in zip(found, slices, strict=True)]))


def test_the_unet_learns_eight_slices_by_heart(
    slice_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = lesion_settings(slice_folders, tmp_path / "run")
    best = lesions.train(settings)
    network = lesions.task_of(settings).network
    network.load_state_dict(network_weights(best))
    learned, _ = lesions.split(settings)
    assert len(learned) == 8
    normal = Normalization(settings.mean, settings.std)
    found = [predict(network, item.image, normal, (64, 64)) for item in learned]
    assert mean_dice([p[0] < 0.5 for p in found], learned) >= 0.95
    for label in (1, 2):
        right = [
            dice(p.argmax(0) == label, s.mask == label) for p, s in zip(found, learned, strict=True)
        ]
        assert np.mean(right) >= 0.9


def test_the_mask_rcnn_learns_eight_slices_by_heart(
    slice_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = replace(
        lesion_settings(slice_folders, tmp_path / "run"),
        network="lesion_mask_rcnn",
        truncation=2,
        regions=16,
        least_px=20,
        proposal_iou=0.5,
        region_iou=0.6,
        dense_weight=1.0,
        batch_size=2,
        steps_per_epoch=240,
        learning_rate=2e-3,
        warmup_steps=20,
        cosine=True,
        clip_gradient=5.0,
    )
    best = lesions.train(settings)
    network = lesions.task_of(settings).network
    network.load_state_dict(network_weights(best))
    learned, _ = lesions.split(settings)
    normal = Normalization(settings.mean, settings.std)
    # Regions that overlap a lesion less are found too, with lower scores.
    found = [predict_lesion(network, s.image, normal, (64, 64), "cpu", 0.95) for s in learned]
    assert mean_dice([p >= 0.5 for p in found], learned) >= 0.95


def picture_accuracy(network: torch.nn.Module, folder: Path, size: int) -> float:
    framed = FramedPictures(read_class_folders(folder, ("noncovid", "covid")), (size, size))
    images = torch.stack([image for image, _ in framed.items]).float() / 255
    x = ((images - 0.5) / 0.3).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        called = probability(network.eval()(x)) >= 0.5
    return float((called == torch.tensor([label for _, label in framed.items])).float().mean())


def test_the_classifier_learns_eight_pictures_by_heart(class_folders: Path) -> None:
    network = {"network": "unet_classifier", "width": 8, "size": 64}
    steps = {"steps_per_epoch": 60, "learning_rate": 3e-3}
    settings = quick(
        classifier.ClassifierSettings, **on_pictures(class_folders), **network, **steps
    )
    best = classifier.train(settings)
    network = classifier.network_of(settings)
    network.load_state_dict(network_weights(best))
    assert picture_accuracy(network, class_folders / "train", 64) == 1.0


def mask_net_settings(folder: Path) -> covid_mask_net.MaskNetSettings:
    torch.manual_seed(0)
    torch.save(lesion_mask_rcnn(truncation=2).state_dict(), folder / "lesions.pt")
    start = {"initial": folder / "lesions.pt", "truncation": 2, "norms": False, "size": 64}
    steps = {"steps_per_epoch": 300, "learning_rate": 2e-3, "weight_decay": 0.0}
    return quick(covid_mask_net.MaskNetSettings, **on_pictures(folder), **start, **steps)


def test_the_mask_net_learns_eight_pictures_by_heart(class_folders: Path) -> None:
    settings = mask_net_settings(class_folders)
    best = covid_mask_net.train(settings)
    network = covid_mask_net.network_of(settings)
    network.load_state_dict(network_weights(best))
    assert picture_accuracy(network, class_folders / "train", 64) == 1.0


def test_the_papers_way_trains_s_and_batch_norm_weights_alone(class_folders: Path) -> None:
    settings = replace(
        mask_net_settings(class_folders), norms=True, batch_size=2, steps_per_epoch=2
    )
    before = covid_mask_net.network_of(settings).state_dict()
    after = network_weights(covid_mask_net.train(settings))
    norms = {
        name
        for name, module in covid_mask_net.network_of(settings).named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    allowed = {f"{name}.{part}" for name in norms for part in ("weight", "bias")}
    assert {name for name in changed if not name.startswith("s.")} <= allowed
    assert changed & allowed
    # S starts anew in every run: its weights differ anyway, so only that they are there counts.
    assert {name for name in after if name.startswith("s.")} == {
        f"s.{layer}.{part}" for layer in (0, 2, 4) for part in ("weight", "bias")
    }


def test_the_cataract_unet_learns_eight_scans_by_heart(tmp_path: Path) -> None:
    # Half of eight patients, both eyes, one scan each.
    eyes = {"patients": 8, "scans": 1, "test_share": 0.5, "size": 64, "width": 8}
    steps = {"steps_per_epoch": 200, "learning_rate": 1e-2, "cosine": True}
    settings = quick(cataract.CataractSettings, output=tmp_path / "run", **eyes, **steps)
    cataract.train(settings)
    with (settings.output / "logs" / "csv" / "metrics.csv").open(newline="") as stream:
        last = [row for row in csv.DictReader(stream) if row.get("train cataract dice")][-1]
    learned = {name: float(last[f"train {name} dice"]) for name in cataract.CLASSES}
    assert min(learned.values()) >= 0.95, learned


def test_training_on_four_raters_learns_their_share(tmp_path: Path) -> None:
    y, x = np.mgrid[:32, :32]
    radius = np.hypot(y - 16, x - 16)
    masks = np.stack([radius < r for r in (4, 6, 8, 10)]).astype(np.uint8)
    image = np.where(radius < 12, 200 - 8 * radius, 40).astype(np.uint8)
    np.savez(
        tmp_path / "crops.npz",
        images=np.repeat(image[None], 10, 0),
        masks=np.repeat(masks[None], 10, 0),
        ids=np.array([f"p{k}/1" for k in range(10)]),
    )
    crops = {"crops": tmp_path / "crops.npz", "width": 8, "crop": 32}
    steps = {"steps_per_epoch": 80, "learning_rate": 1e-2}
    settings = quick(raters.RaterSettings, output=tmp_path / "run", **crops, **steps)
    weights = network_weights(raters.train(settings))
    network = raters.unet(in_channels=1, classes=2, width=8)
    network.load_state_dict(weights)
    found = predict(network, image, Normalization(0.5, 0.3), (32, 32))[1]
    for share, inner, outer in (
        (1.0, 0, 3),
        (0.75, 4, 6),
        (0.5, 6, 8),
        (0.25, 8, 10),
        (0.0, 11, 16),
    ):
        ring = (radius >= inner) & (radius < outer)
        assert found[ring].mean() == pytest.approx(share, abs=0.15)
