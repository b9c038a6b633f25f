"""The fast paths give what the plain networks give."""

from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign

from medai.inference.covid.mask_net import mask_net_logits
from medai.inference.running.acceleration import accelerated, fold_batch_norm, release
from medai.inference.running.letterbox import Frame, normalise
from medai.inference.running.regions import RegionDetector
from medai.inference.running.roi_align import FeatureTable
from medai.networks import covid_mask_net, ctnet10, lesion_mask_rcnn, transfer_classifier, unet

CPU = torch.device("cpu")


def spread(network: torch.nn.Module) -> torch.nn.Module:
    """Batch-norm statistics and scores as different from each other as in a trained network."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.2)
    if hasattr(network, "roi_heads"):
        network.rpn.head.cls_logits.weight.data.mul_(30)
        network.roi_heads.box_predictor.cls_score.weight.data.mul_(40)
    return network.eval()


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (lambda: unet(width=8), (2, 1, 48, 40)),
        (lambda: unet(width=8, bilinear=True), (1, 1, 48, 40)),
        (lambda: transfer_classifier("resnet50"), (1, 3, 64, 64)),
        (lambda: transfer_classifier("densenet169"), (1, 3, 64, 64)),
        (lambda: transfer_classifier("inception_v3"), (1, 3, 96, 96)),
        (lambda: ctnet10(), (1, 3, 128, 128)),
    ],
)
def test_folded_networks_answer_the_same(network, shape):
    plain = spread(network())
    images = torch.rand(*shape)
    with torch.inference_mode():
        expected = plain(images)
        fast = accelerated(plain, CPU, torch.float32)
        found = fast(images.to(memory_format=torch.channels_last))
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_folding_leaves_no_batch_norm_in_a_unet_and_the_original_untouched():
    plain = unet(width=4)
    fast = accelerated(plain, CPU, torch.float32)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fast.modules())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in plain.modules())
    assert accelerated(plain, CPU, torch.float32) is fast
    release(plain)
    assert accelerated(plain, CPU, torch.float32) is not fast


def test_a_convolution_is_not_folded_with_a_batch_norm_of_another_width():
    pair = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1), torch.nn.BatchNorm2d(8))
    assert isinstance(fold_batch_norm(pair.eval())[1], torch.nn.BatchNorm2d)


@pytest.mark.parametrize(("levels", "out"), [(1, 7), (1, 14), (3, 7)])
@pytest.mark.parametrize(("half", "rtol", "atol"), [(False, 1e-4, 1e-4), (True, 3e-3, 6e-3)])
def test_pooling_equals_torchvisions_roi_align(levels, out, half, rtol, atol):
    generator = torch.Generator().manual_seed(4)
    size = (128, 160)
    maps = [
        torch.randn(2, 16, 128 // s, 160 // s, generator=generator) for s in (4, 8, 16)[:levels]
    ]
    corner = torch.rand(60, 2, generator=generator) * 150 - 5
    boxes = torch.cat([corner, corner + torch.rand(60, 2, generator=generator) ** 3 * 160], dim=1)
    image = torch.arange(60) % 2
    names = [str(level) for level in range(levels)]
    theirs = MultiScaleRoIAlign(names, out, sampling_ratio=2)
    per_image = [boxes[image == 0], boxes[image == 1]]
    expected = theirs(dict(zip(names, maps, strict=True)), per_image, [size] * 2)
    order = torch.cat([torch.where(image == 0)[0], torch.where(image == 1)[0]])
    found = FeatureTable(maps, size, half=half).pool(boxes[order], image[order], out)
    # Half precision: relative steps of 2^-11.
    found = found.permute(0, 3, 1, 2).float()
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize(
    ("backbone", "truncation", "classes", "scores"),
    [("resnet18", 1, 1, "softmax"), ("resnet18", 2, 2, "sigmoid"), ("resnet50", 0, 1, "softmax")],
)
def test_detected_regions_equal_torchvisions(backbone, truncation, classes, scores):
    network = spread(lesion_mask_rcnn(backbone, truncation, classes, scores))
    network.roi_heads.score_thresh = 0.6
    images = torch.randn(2, 1, 96, 128)
    shapes = [(96, 128)] * 2
    with torch.inference_mode():
        maps = network.backbone(images.expand(-1, 3, -1, -1))
        proposals, _ = network.rpn(ImageList(images, shapes), maps)
        expected, _ = network.roi_heads(maps, proposals, shapes)
    detector = RegionDetector(network, CPU, torch.float32)
    found = detector.detect(images, score_threshold=0.6, mask_floor=0.6)
    for index, regions in enumerate(expected):
        mine = found.image == index
        count = len(regions["scores"])
        assert count > 5
        # Rounding to half may tip a pair over the suppression threshold: nearly all must match.
        overlap = torch.cdist(found.boxes[mine], regions["boxes"]).min(dim=0)
        assert abs(int(mine.sum()) - count) <= 0.03 * count + 1
        close = overlap.values < 0.5
        assert close.float().mean() > 0.95
        scores_found = found.scores[mine][overlap.indices]
        assert (scores_found - regions["scores"])[close].abs().mean() < 0.01
        masks = found.mask_logits.sigmoid()[mine][overlap.indices]
        assert (masks - regions["masks"][:, 0])[close].abs().mean() < 0.02


def test_regions_come_ranked_and_without_masks_unless_asked():
    network = spread(covid_mask_net())
    found = RegionDetector(network, CPU, torch.float32).detect(
        torch.randn(3, 1, 64, 64), score_threshold=-0.01
    )
    assert found.mask_logits.shape == (0, 28, 28)
    for index in range(3):
        scores = found.scores[found.image == index].tolist()
        assert 0 < len(scores) <= 128 and scores == sorted(scores, reverse=True)


def test_a_mask_nets_probabilities_equal_the_plain_networks():
    network = spread(covid_mask_net())
    images = 3 * torch.nn.functional.avg_pool2d(torch.randn(2, 1, 96, 128), 9, 1, 4)
    with torch.inference_mode():
        expected = network(images.expand(-1, 3, -1, -1)).softmax(dim=1)
    found = mask_net_logits(network, images, CPU).softmax(dim=1)
    # Random weights rank many regions alike; a swap of two changes the answer a little.
    assert (found - expected).abs().mean() < 0.01


@pytest.mark.parametrize("picture", [(64, 64), (30, 50), (101, 37), (200, 300)])
def test_a_frame_holds_the_whole_picture_and_gives_it_back(picture):
    frame = Frame.fit(picture, (96, 128))
    assert frame.fitted[0] == 96 or frame.fitted[1] == 128
    rows, columns = torch.meshgrid(
        torch.linspace(0, 200, picture[0]), torch.linspace(0, 50, picture[1]), indexing="ij"
    )
    pictures = (rows + columns)[None]
    framed = frame.into(pictures)
    assert framed.shape == (1, 1, 96, 128)
    assert framed[0, 0, frame.fitted[0] :].sum() == 0
    assert framed[0, 0, :, frame.fitted[1] :].sum() == 0
    assert (frame.back(framed)[0, 0] - pictures[0]).abs().max() < 6


def test_pixels_that_are_not_square_become_square_in_the_frame():
    frame = Frame.fit((100, 50), (64, 64), pixel_mm=(0.8, 3.2))
    # 80 mm high, 160 mm wide.
    assert frame.fitted == (32, 64)
    assert frame.scale == (0.32, 1.28)


def test_labels_keep_their_values_in_a_frame():
    labels = torch.randint(0, 3, (2, 30, 50), dtype=torch.uint8)
    framed = Frame.fit((30, 50), (60, 100)).into_labels(labels)
    assert framed.shape == (2, 60, 100)
    assert torch.equal(framed[:, ::2, ::2], labels)


def test_normalising_takes_grey_to_zero_mean_and_unit_deviation():
    assert normalise(torch.tensor([0.4 * 255, 0.7 * 255]), 0.4, 0.3).tolist() == pytest.approx(
        [0.0, 1.0]
    )
