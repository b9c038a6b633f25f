"""Slices with lung masks: read, lesions pasted into them, lungs judged, and the swap test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from medai.errors import TrainingDataError
from medai.models import ModelStore
from Testing.model_folders import write_model
from Testing.training.runs import quick
from training import lung_pictures
from training.lesion_slices import LesionSlice
from training.lung_judging import slice_volume
from training.pictures import ClassifiedPicture
from training.real_lungs import (
    PastedLesions,
    RealLungs,
    read_real_lungs,
    split_real_lungs,
    without_lesions,
)
from training.swapping import judge_swaps, swapped


def two_lungs(size: int = 64) -> RealLungs:
    """Two dark rectangles in soft tissue."""
    lungs = np.zeros((size, size), bool)
    lungs[10:50, 8:28] = lungs[10:50, 36:56] = True
    return RealLungs("one", np.where(lungs, -850, 40).astype(np.int16), lungs)


def write_slices(file: Path, count: int) -> None:
    item = two_lungs()
    np.savez(
        file,
        names=np.array([f"slice {i}" for i in range(count)]),
        hu=np.stack([item.hu] * count),
        lungs=np.packbits(np.stack([item.lungs] * count), axis=-1),
    )


def test_slices_are_read_as_they_were_packed_and_every_fifth_is_kept(tmp_path):
    write_slices(tmp_path / "slices.npz", 11)
    slices = read_real_lungs(tmp_path / "slices.npz")
    assert len(slices) == 11 and np.array_equal(slices[3].lungs, two_lungs().lungs)
    learn, kept = split_real_lungs(slices)
    assert [item.name for item in kept] == ["slice 0", "slice 5", "slice 10"]
    assert len(learn) == 8 and not {s.name for s in learn} & {s.name for s in kept}


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(TrainingDataError, match="holds no slices with lungs"):
        read_real_lungs(tmp_path / "other.npz")


def test_lungs_without_lesions_have_an_empty_mask_and_are_cropped_to_them():
    (item,) = without_lesions([two_lungs()])
    assert item.image.shape == (44, 52) and item.mask.shape == item.image.shape
    assert not item.mask.any() and item.image[20, 10] < 100 < item.image[0, 0]


def test_pasted_lesions_lie_in_the_lungs_and_look_like_their_slice():
    image = np.full((44, 52), 20, np.uint8)
    mask = np.zeros_like(image)
    mask[5:25, 4:30] = 2
    image[mask > 0] = 240
    pasted = PastedLesions([two_lungs()], [LesionSlice("l", "l", image, mask)], (88, 104))
    lungs = two_lungs().cropped()[1]
    for seed in range(4):
        torch.manual_seed(seed)
        grey, labels = pasted[0]
        assert grey.shape == (1, 88, 104) and set(labels.unique().tolist()) == {0, 2}
        outside = np.kron(lungs, np.ones((2, 2))) == 0
        assert not labels.numpy()[outside].any()
        assert grey[0][labels == 2].float().median() > 200


def test_a_slice_is_a_volume_of_one_slice_in_display_orientation():
    volume = slice_volume(two_lungs())
    assert volume.array.shape == (1, 64, 64) and volume.modality == "CT"
    # Columns run toward the patient's left, rows toward the back.
    assert np.diag(volume.ijk_to_ras)[:3].tolist() == [-1.4, -1.4, 5.0]


def test_the_lung_trainer_learns_where_the_lungs_are(tmp_path):
    from training.export import network_weights

    write_slices(tmp_path / "slices.npz", 6)
    for kind, value in (("images", 90), ("masks", 1)):
        (tmp_path / kind).mkdir()
        picture = np.zeros((44, 52), np.uint8)
        picture[5:25, 4:30] = value
        Image.fromarray(picture).save(tmp_path / kind / "a.png")
    files = {"images": tmp_path / "images", "masks": tmp_path / "masks", "width": 4, "size": 48}
    steps = {"steps_per_epoch": 40, "batch_size": 4, "learning_rate": 1e-2, "threads": 1}
    settings = quick(
        lung_pictures.LungSettings,
        output=tmp_path / "run",
        real_lungs=tmp_path / "slices.npz",
        **files,
        **steps,
    )
    best = lung_pictures.train(settings)
    from medai.networks import unet
    from training.segmentation import dice, predict

    network = unet(1, 2, width=4)
    network.load_state_dict(network_weights(best))
    image, lungs = two_lungs().cropped()
    normal = lung_pictures.Normalization(0.5, 0.3)
    found = predict(network, image, normal, (48, 48))
    assert dice(found[1] > 0.5, lungs > 0) > 0.9


def test_swapping_keeps_the_lungs_and_takes_what_lies_around_them():
    item = two_lungs()
    image = np.where(item.lungs, 30, 200).astype(np.uint8)
    other = np.where(item.lungs, 60, 120).astype(np.uint8)
    shifted = np.roll(item.lungs, 5, axis=1)
    found = swapped(image, item.lungs, np.roll(other, 5, axis=1), shifted)
    assert (found[item.lungs] == 30).all()
    # Nothing of the other's lungs shows.
    assert (found[~item.lungs] == 120).all()


@pytest.mark.parametrize(("network", "steady"), [("lung_classifier", True), ("ctnet10", False)])
def test_a_classifier_of_lungs_keeps_its_answer_when_the_rest_is_exchanged(
    tmp_path, network, steady
):
    size = 128 if network == "ctnet10" else 64
    write_model(tmp_path / "one", network, ("COVID-19",), task="covid", size=size)
    model = ModelStore([tmp_path]).load("one")
    item = two_lungs()
    rng = np.random.default_rng(0)
    pictures = []
    for number in range(8):
        label = number % 2
        grey = np.where(item.lungs, 40, 210 if label else 90) + rng.integers(0, 9, (64, 64))
        file = tmp_path / f"{number}.png"
        Image.fromarray(grey.astype(np.uint8)).save(file)
        pictures.append(ClassifiedPicture(file.name, str(number), file, label))
    if steady:  # random weights mark no lungs: here the dark is lung

        def dark(grey: torch.Tensor) -> torch.Tensor:
            return (grey < (65 / 255 - 0.4) / 0.3).to(grey.dtype)

        model.network.lung_mask = dark
    finder = SimpleNamespace(find=lambda image: item.lungs)
    judged = judge_swaps(model, pictures, device="cpu", pairs=8, finder=finder)
    shift = judged["measures"]["median change of p(COVID-19)"]
    assert judged["n"] == 8 and shift["low"] <= shift["value"] <= shift["high"]
    assert (judged["largest change"] < 1e-4) == steady
