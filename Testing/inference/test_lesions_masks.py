from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from medai.images import Volume, to_axial
from medai.inference.lesions.mask_paste import paste_lesions, paste_maps
from medai.inference.lesions.result import RoiTable
from medai.inference.running.lung_slices import lung_slices

BOXES = [
    [10.2, 5.7, 40.9, 33.1],
    [30.0, 20.0, 31.5, 21.2],
    [-3.0, 40.0, 20.0, 70.0],
    [0, 0, 60, 50],
]


def table(boxes, scores, classes=None, slices=None) -> RoiTable:
    count = len(boxes)
    box = np.array(boxes, np.float32)
    logits = np.random.default_rng(1).normal(0, 3, (count, 28, 28)).astype(np.float16)
    return RoiTable(
        slice_index=np.array(slices or [0] * count, np.int32),
        box=box,
        score=np.array(scores, np.float32),
        area_px=(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]),
        class_index=np.array(classes or [0] * count, np.uint8),
        masked=np.arange(count, dtype=np.int32),
        mask_logits=logits,
    )


@pytest.mark.parametrize("box", BOXES)
def test_a_pasted_mask_equals_torchvisions(box):
    rois = table([box], [0.9])
    mask = torch.from_numpy(rois.mask_logits.astype(np.float32)).sigmoid()[:, None]
    expected = paste_masks_in_image(mask, torch.tensor([box]), (50, 60))[0, 0].numpy()
    probability, score_map = (np.zeros((1, 50, 60), np.float16) for _ in range(2))
    paste_maps(rois, probability, score_map)
    np.testing.assert_allclose(probability[0], 0.9 * expected, atol=2e-3)
    lesions = paste_lesions(
        rois, np.ones((1, 50, 60), bool), score_threshold=0.5, mask_threshold=0.5
    )
    # Pixels exactly at the threshold aside.
    clear = np.abs(expected - 0.5) > 1e-4
    assert np.array_equal(lesions[0][clear] > 0, expected[clear] >= 0.5)


def test_the_best_region_decides_the_class_and_the_score_map_is_the_highest_logit():
    rois = table([[0, 0, 40, 40]] * 2, [0.6, 0.9], classes=[0, 1])
    rois.mask_logits[0], rois.mask_logits[1] = 5.0, 2.0
    everywhere = np.ones((1, 50, 50), bool)
    lesions = paste_lesions(rois, everywhere, score_threshold=0.5, mask_threshold=0.5)
    assert lesions[0, 20, 20] == 2
    lesions = paste_lesions(rois, everywhere, score_threshold=0.95, mask_threshold=0.5)
    assert not lesions.any()
    probability, score_map = (np.zeros((1, 50, 50), np.float16) for _ in range(2))
    paste_maps(rois, probability, score_map)
    assert score_map[0, 20, 20] == 5.0 and score_map[0, 49, 49] == 0.0
    assert probability[0, 20, 20] == pytest.approx(0.9 / (1 + np.exp(-2)), abs=1e-3)


def test_a_negative_logit_stays_negative_in_the_score_map():
    rois = table([[10, 10, 40, 40]], [0.9])
    rois.mask_logits[0] = -4.0
    probability, score_map = (np.zeros((1, 50, 50), np.float16) for _ in range(2))
    paste_maps(rois, probability, score_map)
    assert score_map[0, 25, 25] == -4.0


def test_lesions_stay_inside():
    rois = table([[0, 0, 40, 40]], [0.9])
    rois.mask_logits[0] = 5.0
    inside = np.zeros((1, 50, 50), bool)
    inside[0, :, :20] = True
    lesions = paste_lesions(rois, inside, score_threshold=0.5, mask_threshold=0.5)
    assert lesions[0, 20, 19] == 1 and not lesions[0, :, 20:].any()


def axial_of(shape):
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
    return to_axial(Volume(np.zeros(shape, np.int16), matrix, "CT", "study"))


def test_crops_hold_all_lung_of_their_slice_and_tips_are_not_magnified():
    lungs = np.zeros((6, 100, 120), np.uint8)
    lungs[1, 50:53, 60:62] = 1
    lungs[2, 30:80, 20:90] = 1
    lungs[3, 0:100, 0:120] = 2
    slices = lung_slices(axial_of(lungs.shape), lungs)
    # Slice 1 holds too little, and 0, 4, 5 nothing.
    assert slices.indices.tolist() == [2, 3]
    for number, index in enumerate(slices.indices):
        place = slices.place(number)
        assert np.count_nonzero(lungs[place]) == np.count_nonzero(lungs[index])
        assert slices.picture(number).dtype == np.uint8
    assert slices.picture(1).shape == (100, 120)

    lungs[1, 40:60, 50:70] = 1
    slices = lung_slices(axial_of(lungs.shape), lungs)
    assert min(slices.picture(0).shape) == round(0.35 * 120)


def test_no_lung_gives_no_slices():
    lungs = np.zeros((3, 20, 20), np.uint8)
    assert len(lung_slices(axial_of(lungs.shape), lungs)) == 0
