"""Augmentation moves image and mask together and keeps what it must."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from training.augmentation import (
    RandomTranspose,
    Screenshot,
    TextMark,
    WindowJitter,
    oct_augmentation,
    picture_augmentation,
    slice_augmentation,
)


def blob(side: int = 96) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    y, x = np.mgrid[:side, :side]
    mask = ((x - 30) ** 2 / 400 + (y - 60) ** 2 / 150 < 1).astype(np.uint8)
    image = torch.from_numpy(np.where(mask, 230, 20).astype(np.uint8))[None]
    return tv_tensors.Image(image), tv_tensors.Mask(torch.from_numpy(mask))


@pytest.mark.parametrize("seed", range(12))
def test_the_mask_still_lies_on_the_bright_blob(seed: int) -> None:
    torch.manual_seed(seed)
    image, mask = slice_augmentation(96)(blob())
    assert image.shape == (1, 96, 96)
    assert mask.shape == (96, 96)
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1.3  # noise may leave 0..1 a little
    bright = image[0] > (image.min() + image.max()) / 2
    marked = mask > 0
    both = (bright & marked).sum()
    assert both / marked.sum().clamp(min=1) > 0.8 or marked.sum() < 60


def test_all_eight_orientations_occur() -> None:
    torch.manual_seed(0)
    seen = set()
    augment = slice_augmentation(64, strength=1e-6)
    item = (
        tv_tensors.Image(torch.arange(4096).reshape(1, 64, 64).div(17).to(torch.uint8)),
        tv_tensors.Mask(torch.arange(4096).reshape(64, 64)),
    )
    for _ in range(80):
        _, mask = augment(item)  # so weak that rotation and scale move no pixel
        seen.add((int(mask[0, 0]), int(mask[0, -1])))
    assert {pair for pair in seen if set(pair) <= {0, 63, 4032, 4095}} == {
        (0, 63), (63, 0), (4032, 4095), (4095, 4032),
        (0, 4032), (4032, 0), (63, 4095), (4095, 63),
    }  # fmt: skip


def test_transposing_swaps_rows_and_columns_of_both() -> None:
    image = tv_tensors.Image(torch.arange(6).reshape(1, 2, 3))
    mask = tv_tensors.Mask(torch.arange(6).reshape(2, 3))
    turned, label = RandomTranspose(p=1.0)(image, mask)
    assert turned[0].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert label.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_shares_of_several_raters_move_like_one_mask() -> None:
    torch.manual_seed(5)
    image, mask = blob()
    both = tv_tensors.Mask(torch.stack([mask, 1 - mask]))
    _, moved = slice_augmentation(64)((image, both))
    inside = moved.sum(dim=0)
    assert set(inside.unique().tolist()) <= {0, 1}  # 0: outside the picture


@pytest.mark.parametrize("change", [WindowJitter(), TextMark(p=1.0)])
def test_changes_of_grey_leave_the_mask_alone(change: torch.nn.Module) -> None:
    image, mask = blob()
    grey, label = change(tv_tensors.Image(image.float() / 255), mask)
    assert torch.equal(label, mask)
    assert not torch.equal(grey, image.float() / 255)


def test_a_screenshot_keeps_size_and_type() -> None:
    torch.manual_seed(1)
    image, mask = blob()
    worse, label = Screenshot(p=1.0)(image, mask)
    assert worse.shape == image.shape
    assert worse.dtype == torch.uint8
    assert torch.equal(label, mask)
    assert not torch.equal(worse, image)


def test_whole_pictures_and_scans_keep_their_size() -> None:
    torch.manual_seed(2)
    image, mask = blob()
    assert picture_augmentation()((image, 1))[0].shape == (1, 96, 96)
    moved, label = oct_augmentation(1.0)((image, mask))
    assert moved.shape == (1, 96, 96)
    assert label.shape == (96, 96)
    plain, same = oct_augmentation(None)((image, mask))
    assert torch.equal(same, mask)
    assert torch.allclose(plain, image.float() / 255)


def test_without_strength_nothing_is_changed() -> None:
    image, mask = blob()
    for augment in (slice_augmentation(96, strength=0.0), picture_augmentation(0.0)):
        same, label = augment((image, mask))
        assert torch.equal(label, mask)
        assert torch.allclose(same, image.float() / 255)
