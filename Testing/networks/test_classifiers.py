from __future__ import annotations

import pytest
import torch

from medai.errors import InputError
from medai.networks import count_parameters, ctnet10, transfer_classifier
from medai.networks.transfer_classifier import INPUT_SIZE


def test_ctnet10_has_the_papers_sizes():
    with torch.device("meta"):
        network = ctnet10()
        sizes = []
        for layer in network.features:
            layer.register_forward_hook(lambda _, __, output: sizes.append(output.shape[-1]))
        assert network(torch.zeros(2, 3, 128, 128)).shape == (2, 1)
    assert list(dict.fromkeys(sizes)) == [126, 124, 62, 60, 58, 29]
    assert network.classifier[1].in_features == 26_912
    # 3·32·9+32, three times 32·32·9+32, 26912·256+256, 256·256+256, 256+1
    assert count_parameters(network).total == 896 + 3 * 9248 + 6_889_728 + 65_792 + 257


@pytest.mark.parametrize("name", list(INPUT_SIZE))
def test_transfer_networks_give_one_logit_at_the_papers_input_size(name):
    with torch.device("meta"):
        network = transfer_classifier(name).eval()
        assert network(torch.zeros(2, 3, INPUT_SIZE[name], INPUT_SIZE[name])).shape == (2, 1)


def test_heads_are_the_papers():
    with torch.device("meta"):
        vgg = transfer_classifier("vgg19").classifier
        inception = transfer_classifier("inception_v3").fc
    assert [layer.out_features for layer in vgg if hasattr(layer, "out_features")] == [
        4096,
        4096,
        1,
    ]
    assert [layer.p for layer in vgg if isinstance(layer, torch.nn.Dropout)] == [0.3, 0.3]
    assert [layer.out_features for layer in inception if hasattr(layer, "out_features")] == [
        1000,
        500,
        1,
    ]


def test_an_unknown_network_is_refused():
    with pytest.raises(InputError, match="'alexnet' is unknown, expected one of vgg16"):
        transfer_classifier("alexnet")
