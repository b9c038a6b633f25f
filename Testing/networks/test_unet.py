from __future__ import annotations

import pytest
import torch

from medai.networks import count_parameters, unet


def meta(**arguments):
    with torch.device("meta"):
        return unet(**arguments)


def test_the_papers_unet_has_31_04_million_parameters():
    assert f"{count_parameters(meta()).total / 1e6:.2f}" == "31.04"


def test_bilinear_upsampling_has_no_weights_and_fewer_maps():
    names = meta(bilinear=True).state_dict()
    assert not any(".up." in name for name in names)
    assert count_parameters(meta(bilinear=True)).total < 20e6


def test_state_dict_names_are_those_of_the_common_pytorch_unet():
    shapes = {name: tuple(value.shape) for name, value in meta(in_channels=3).state_dict().items()}
    assert shapes["inc.double_conv.0.weight"] == (64, 3, 3, 3)
    assert shapes["inc.double_conv.4.running_var"] == (64,)
    assert shapes["down4.maxpool_conv.1.double_conv.3.weight"] == (1024, 1024, 3, 3)
    assert shapes["up1.up.weight"] == (1024, 512, 2, 2)
    assert shapes["up1.conv.double_conv.0.weight"] == (512, 1024, 3, 3)
    assert shapes["outc.conv.bias"] == (3,)
    # 9 double convolutions of 12 entries, 4 transposed ones and the last of 2.
    assert len(shapes) == 9 * 12 + 5 * 2


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (64, 50)])
@pytest.mark.parametrize("bilinear", [False, True])
def test_logits_have_the_size_of_the_image(size, bilinear):
    network = unet(in_channels=1, classes=3, width=4, bilinear=bilinear).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, *size)).shape == (2, 3, *size)
