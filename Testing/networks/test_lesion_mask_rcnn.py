from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.roi_heads import RoIHeads

from medai.errors import InputError
from medai.networks import count_parameters, lesion_mask_rcnn

# (backbone, truncation, millions with batch-norm buffers, stride of the pyramid level)
NETWORKS = [
    ("resnet18", 0, "14.52", 32),
    ("resnet18", 1, "6.06", 16),
    ("resnet18", 2, "3.92", 8),
    ("resnet34", 0, "24.64", 32),
    ("resnet34", 1, "11.45", 16),
    ("resnet34", 2, "4.59", 8),
]


@pytest.mark.parametrize(("backbone", "truncation", "millions", "stride"), NETWORKS)
def test_light_networks_have_one_level_of_256_maps_and_the_counted_parameters(
    backbone, truncation, millions, stride
):
    network = lesion_mask_rcnn(backbone, truncation).eval()
    assert f"{count_parameters(network).with_buffers / 1e6:.2f}" == millions
    with torch.inference_mode():
        maps = network.backbone(torch.zeros(1, 3, 64, 96))
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "0": (1, 256, 64 // stride, 96 // stride)
    }


def test_resnet50_has_four_pooled_levels_and_31_78_million_parameters():
    network = lesion_mask_rcnn("resnet50", 0)
    assert f"{count_parameters(network).with_buffers / 1e6:.2f}" == "31.78"
    assert network.roi_heads.box_roi_pool.featmap_names == ["0", "1", "2", "3"]
    assert network.roi_heads.mask_head[0][0].out_channels == 256


def test_settings_are_the_papers():
    network = lesion_mask_rcnn()
    heads, rpn = network.roi_heads, network.rpn
    assert network.transform.min_size == (512,) and network.transform.max_size == 1024
    assert network.transform.image_mean == [0.0] * 3 and network.transform.image_std == [1.0] * 3
    assert rpn.anchor_generator.sizes == ((2, 4, 8, 16, 32),)
    assert rpn.anchor_generator.aspect_ratios == ((0.1, 0.25, 0.5, 1.0, 1.5, 2.0),)
    assert (rpn.nms_thresh, heads.nms_thresh, heads.score_thresh) == (0.75, 0.75, 0.75)
    assert (rpn.fg_bg_sampler.batch_size_per_image, rpn.fg_bg_sampler.positive_fraction) == (
        256,
        0.75,
    )
    assert (heads.fg_bg_sampler.batch_size_per_image, heads.fg_bg_sampler.positive_fraction) == (
        256,
        0.75,
    )
    assert (heads.proposal_matcher.high_threshold, heads.proposal_matcher.low_threshold) == (
        0.75,
        0.5,
    )
    assert (heads.box_head.fc6.in_features, heads.box_head.fc6.out_features) == (256 * 7 * 7, 128)
    assert heads.box_head.fc7.out_features == 128
    assert heads.mask_head[0][0].out_channels == 128 and len(heads.mask_head) == 1
    assert heads.mask_predictor.conv5_mask.out_channels == 128


@pytest.mark.parametrize("lesion_classes", [1, 2])
def test_training_gives_the_five_losses_and_gradients(lesion_classes):
    torch.manual_seed(0)
    network = lesion_mask_rcnn(lesion_classes=lesion_classes).train()
    network.transform.min_size = (96,)
    mask = torch.zeros(1, 96, 96, dtype=torch.uint8)
    mask[0, 20:60, 30:70] = 1
    target = {
        "boxes": torch.tensor([[30.0, 20.0, 70.0, 60.0]]),
        "labels": torch.tensor([lesion_classes]),
        "masks": mask,
    }
    losses = network([torch.rand(3, 96, 96)], [target])
    assert set(losses) == {
        "loss_classifier",
        "loss_box_reg",
        "loss_mask",
        "loss_objectness",
        "loss_rpn_box_reg",
    }
    sum(losses.values()).backward()
    assert network.backbone.body["conv1"].weight.grad.abs().sum() > 0


def heads_input(classes: int, images: int = 3):
    generator = torch.Generator().manual_seed(5)
    counts = [40, 0, 25][:images]
    total = sum(counts)
    corner = torch.rand(total, 2, generator=generator) * 80
    boxes = torch.cat([corner, corner + torch.rand(total, 2, generator=generator) * 40], dim=1)
    logits = 3 * torch.randn(total, classes + 1, generator=generator)
    moves = torch.randn(total, 4 * (classes + 1), generator=generator)
    return logits, moves, list(boxes.split(counts)), [(96, 100)] * images


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("threshold", [-0.01, 0.3, 0.75])
def test_softmax_selection_equals_torchvisions(classes, threshold):
    heads = lesion_mask_rcnn(lesion_classes=classes).roi_heads
    heads.score_thresh, heads.detections_per_img = threshold, 20
    given = heads_input(classes)
    ours = heads.postprocess_detections(*given)
    theirs = RoIHeads.postprocess_detections(heads, *given)
    assert sum(len(boxes) for boxes in theirs[0]) > 3
    for mine, reference in zip(ours, theirs, strict=True):
        for a, b in zip(mine, reference, strict=True):
            torch.testing.assert_close(a, b)


def test_sigmoid_scores_make_classes_independent():
    logits = torch.tensor([[0.0, 4.0, 4.0]])
    moves, proposals = torch.zeros(1, 12), [torch.tensor([[10.0, 10.0, 50.0, 50.0]])]
    found = {}
    for scores in ("softmax", "sigmoid"):
        heads = lesion_mask_rcnn(lesion_classes=2, scores=scores).roi_heads
        found[scores] = heads.postprocess_detections(logits, moves, proposals, [(96, 96)])
    # softmax: both classes share, none reaches 0.75; sigmoid(4) = 0.982 for each.
    assert len(found["softmax"][0][0]) == 0
    assert found["sigmoid"][1][0].tolist() == pytest.approx([0.98201, 0.98201], abs=1e-5)
    assert found["sigmoid"][2][0].tolist() == [1, 2]


@pytest.mark.parametrize(
    "arguments",
    [
        {"backbone": "resnet101"},
        {"truncation": 3},
        {"backbone": "resnet50", "truncation": 1},
        {"lesion_classes": 3},
        {"scores": "tanh"},
    ],
)
def test_unknown_options_are_refused_in_one_line(arguments):
    with pytest.raises(InputError, match="expected") as refusal:
        lesion_mask_rcnn(**arguments)
    assert "\n" not in str(refusal.value)
