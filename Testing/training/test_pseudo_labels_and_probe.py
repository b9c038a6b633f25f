"""Soft labels of unlabelled slices, and a linear classifier on frozen features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medai.errors import TrainingDataError
from medai.networks import unet, unet_classifier
from Testing.training.runs import lesion_settings, on_pictures
from training import lesions, probe
from training.export import mean_weights
from training.lesion_slices import LesionSlice, picture_files, read_grey
from training.normalization import Normalization
from training.phantom_slices import phantom_slices
from training.pseudo_labels import label
from training.segmentation import predict
from training.soft_slices import read_soft_slices


def test_soft_labels_are_the_networks_own_probabilities(
    slice_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    settings = lesions.LesionSettings(output=tmp_path, width=4, size=64)
    network = unet(classes=3, width=4).eval()
    files = picture_files(slice_folders[0])[:2]
    soft = label(network, files, settings, (0, 5))
    p = predict(network, read_grey(files[1]), Normalization(0.5, 0.3), (64, 64), views=(0, 5))
    image, shares = soft[1]
    assert image.shape == (1, 64, 64)
    assert np.abs(shares.numpy() / 255 - p).max() <= 0.5 / 255 + 1e-6
    np.savez_compressed(tmp_path / "soft.npz", **vars(soft))
    again = read_soft_slices(tmp_path / "soft.npz")
    assert np.array_equal(again.shares, soft.shares)
    with pytest.raises(TrainingDataError, match=r"absent\.npz holds no pseudo-labels"):
        read_soft_slices(tmp_path / "absent.npz")


def test_pseudo_labelled_slices_are_drawn_for_their_share(
    slice_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    images = np.full((3, 64, 64), 7, np.uint8)
    shares = np.zeros((3, 3, 64, 64), np.uint8)
    shares[:, 0] = 255
    fitted = np.full((3, 2), 64, np.int32)
    np.savez(tmp_path / "soft.npz", images=images, shares=shares, fitted=fitted)
    settings = replace(
        lesion_settings(slice_folders, tmp_path / "run"),
        pseudo=tmp_path / "soft.npz",
        pseudo_share=0.25,
    )
    learn, _ = lesions.split(settings)
    samples = lesions.samples_of(settings, learn)
    drawn = [samples[number] for number in range(400)]
    pseudo = [float(image.max()) < 8 / 255 for image, _ in drawn]
    assert np.mean(pseudo) == pytest.approx(0.25, abs=0.06)
    assert all(target.shape == (3, 64, 64) for _, target in drawn)


def test_phantom_slices_are_drawn_for_their_share(
    slice_folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(patients: range) -> list[LesionSlice]:
        return phantom_slices(patients, shape=(6, 72, 72), spacing_mm=(40.0, 5.0, 5.0))

    monkeypatch.setattr(lesions, "phantom_slices", small)
    settings = replace(
        lesion_settings(slice_folders, tmp_path / "run"),
        phantoms=2,
        phantom_share=0.25,
    )
    learn, _ = lesions.split(settings)
    samples = lesions.samples_of(settings, learn)
    assert len(samples) == len(learn) + len(small(range(2)))
    assert float(samples.weights[: -len(learn)].sum()) == pytest.approx(0.25)
    assert float(samples.weights[-len(learn) :].sum()) == pytest.approx(0.75)


def test_regression_finds_the_plane_that_made_the_labels() -> None:
    torch.manual_seed(0)
    features = torch.randn(4000, 3) * torch.tensor([1.0, 5.0, 1.0]) + 3
    logits = 2 * (features[:, 0] - 3) - 0.4 * (features[:, 1] - 3) + 0.5
    labels = (torch.rand(4000) < logits.sigmoid()).float()
    weight, bias = probe.logistic_regression(features, labels, 1e-6)
    assert weight.tolist() == pytest.approx([2, -0.4, 0], abs=0.2)
    # Both classes weigh the same, which moves the bias by the log of their odds.
    odds = float(torch.log(labels.mean() / (1 - labels.mean())))
    expected = -2 * 3 + 0.4 * 3 + 0.5 - odds
    assert float(bias) == pytest.approx(expected, abs=0.6)


def test_the_probe_classifies_pictures_by_their_lesions(class_folders: Path) -> None:
    torch.manual_seed(0)
    torch.save(unet(classes=3, width=8).state_dict(), class_folders / "lesions.pt")
    settings = probe.ProbeSettings(
        **on_pictures(class_folders),
        initial=class_folders / "lesions.pt",
        width=8,
        size=64,
        strength=0.1,
        views=3,
        penalty=1e-3,
    )
    network = unet_classifier(width=8)
    network.load_state_dict(torch.load(probe.train(settings), weights_only=True))
    pictures = probe.FramedPictures(
        probe.split_pictures(settings)[1], (settings.size, settings.size)
    )
    features, labels = probe.seen(network.eval(), pictures, settings, 1)
    with torch.no_grad():
        called = network.classifier(features)[:, 0] > 0
    assert float((called == (labels > 0)).float().mean()) >= 0.75


def test_only_a_lesion_encoder_can_be_probed(class_folders: Path) -> None:
    settings = probe.ProbeSettings(**on_pictures(class_folders), network="ctnet10")
    with pytest.raises(TrainingDataError, match="network = 'ctnet10', expected unet_classifier"):
        probe.train(settings)


def test_the_mean_of_checkpoints_is_the_mean_of_their_weights(tmp_path: Path) -> None:
    for number in (0, 2):
        state = {"network.a": torch.full((2,), float(number)), "network.n": torch.tensor(number)}
        torch.save({"state_dict": state}, tmp_path / f"{number}.ckpt")
    mean = mean_weights([tmp_path / "0.ckpt", tmp_path / "2.ckpt"])
    assert mean["a"].tolist() == [1.0, 1.0]
    assert mean["n"].dtype == torch.int64
