"""Losses, instances and labels of several raters, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from medai.errors import TrainingDataError
from training.detection import instances, loosen_matching
from training.losses import cross_entropy, dice_cross_entropy, one_hot
from training.pseudo_labels import usual_window
from training.raters import Combined, combine, read_rated_crops
from training.segmentation import AsShares, dice


def test_a_perfect_prediction_costs_nothing() -> None:
    target = torch.tensor([[[0, 1], [2, 0]]])
    logits = 40 * (one_hot(target, 3) - 0.5)
    assert float(dice_cross_entropy(logits, target)) == pytest.approx(0, abs=1e-6)
    assert float(cross_entropy(logits, target)) == pytest.approx(0, abs=1e-6)


def test_the_loss_of_an_undecided_network_is_worked_out_by_hand() -> None:
    # Two classes, four pixels, one marked: p = 1/2 everywhere. Cross-entropy is log 2; soft Dice
    # of the class and of the union is (2·0.5 + 1) / (2 + 1 + 1) = 1/2, so 1 − 1/2 is added.
    target = torch.tensor([[[1, 0], [0, 0]]])
    loss = dice_cross_entropy(torch.zeros(1, 2, 2, 2), target)
    assert float(loss) == pytest.approx(math.log(2) + 0.5)


def test_soft_labels_of_one_rater_are_the_hard_ones() -> None:
    torch.manual_seed(0)
    target = torch.randint(0, 3, (2, 5, 5))
    logits = torch.randn(2, 3, 5, 5)
    for loss in (dice_cross_entropy, cross_entropy):
        assert float(loss(logits, one_hot(target, 3))) == pytest.approx(float(loss(logits, target)))


def test_small_components_are_background_and_classes_merge() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[2:14, 3:13] = 1  # 120 px
    mask[14:26, 3:13] = 2  # 120 px, touching
    mask[30:35, 30:35] = 1  # 25 px
    one = instances(mask, classes=1, least_px=100)
    assert one["boxes"].tolist() == [[3, 2, 13, 26]]
    assert int(one["masks"].sum()) == 240
    two = instances(mask, classes=2, least_px=100)
    assert two["labels"].tolist() == [1, 2]
    assert two["boxes"].tolist() == [[3, 2, 13, 14], [3, 14, 13, 26]]
    none = instances(np.zeros((8, 8), np.uint8), classes=1, least_px=100)
    assert none["boxes"].shape == (0, 4)
    assert none["masks"].shape == (0, 8, 8)


def test_looser_matching_reaches_the_samplers_of_the_network() -> None:
    from medai.networks import lesion_mask_rcnn

    network = lesion_mask_rcnn(truncation=2)
    assert network.roi_heads.proposal_matcher.high_threshold == 0.75
    loosen_matching(network, 0.4, 0.5)
    assert network.rpn.proposal_matcher.high_threshold == 0.4
    assert network.rpn.proposal_matcher.low_threshold == 0.2
    assert network.roi_heads.proposal_matcher.high_threshold == 0.5
    assert network.roi_heads.proposal_matcher.low_threshold == 0.5


def test_dice_counts_pixels() -> None:
    first = np.array([1, 1, 0, 0], bool)
    assert dice(first, np.array([1, 0, 1, 0], bool)) == 0.5
    assert dice(first & False, first & False) == 1.0


MASKS = torch.tensor([[[1, 1, 0, 0]], [[1, 0, 0, 0]], [[1, 1, 1, 0]], [[0, 0, 0, 0]]])


def test_raters_become_their_share_one_of_them_or_the_majority() -> None:
    assert combine(MASKS, "soft").tolist() == [[0.75, 0.5, 0.25, 0.0]]
    assert combine(MASKS, "majority").tolist() == [[1, 0, 0, 0]]
    torch.manual_seed(0)
    drawn = {tuple(combine(MASKS, "sampled")[0].tolist()) for _ in range(60)}
    assert drawn == {tuple(map(float, mask[0].tolist())) for mask in MASKS}


def test_soft_labels_reach_the_loss_as_shares_that_sum_to_one() -> None:
    item = (tv_tensors.Image(torch.zeros(1, 1, 4)), tv_tensors.Mask(MASKS))
    image, shares = AsShares(Combined(lambda given: given, "soft"), classes=2)(item)
    assert image.shape == (1, 1, 4)
    assert torch.allclose(shares.sum(dim=0), torch.ones(1, 4))
    assert shares[1, 0].tolist() == pytest.approx([0.75, 0.5, 0.25, 0.0], abs=1 / 255)


def test_outside_of_a_turned_picture_is_background() -> None:
    labels = tv_tensors.Mask(torch.zeros(3, 2, 2, dtype=torch.uint8))
    _, shares = AsShares(lambda item: item, classes=3)(
        (tv_tensors.Image(torch.zeros(1, 2, 2)), labels)
    )
    assert (shares[0] == 1).all()


def test_rated_crops_are_read_packed_or_not(tmp_path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (3, 4, 16, 16)).astype(np.uint8)
    images, ids = np.zeros((3, 16, 16), np.uint8), np.array(["a/1", "a/2", "b/1"])
    np.savez(tmp_path / "plain.npz", images=images, masks=masks, ids=ids)
    np.savez(tmp_path / "packed.npz", images=images, masks=np.packbits(masks, -1), ids=ids)
    for name in ("plain", "packed"):
        crops = read_rated_crops(tmp_path / f"{name}.npz")
        assert np.array_equal(crops.masks, masks)
        assert crops.patients == ("a", "a", "b")
    np.savez(tmp_path / "bad.npz", images=images, masks=masks[:2], ids=ids)
    with pytest.raises(TrainingDataError, match=r"masks of shape \(2, 4, 16, 16\)"):
        read_rated_crops(tmp_path / "bad.npz")
    with pytest.raises(TrainingDataError, match="labels = 'mean'"):
        Combined(lambda item: item, "mean")


def test_a_slice_through_a_wide_window_gets_the_usual_greys() -> None:
    rng = np.random.default_rng(0)
    wide = np.concatenate([rng.normal(14, 2, 3000), rng.normal(98, 2, 3000)])
    usual = usual_window(np.clip(wide, 0, 255).astype(np.uint8).reshape(60, 100))
    assert abs(np.median(usual[:30]) - 44) < 4
    assert abs(np.median(usual[30:]) - 214) < 4
    assert np.array_equal(usual_window(usual), usual)
