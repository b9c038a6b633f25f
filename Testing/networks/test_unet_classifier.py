"""The classifier on a U-Net's first levels: its numbers and the lesion network's weights."""

from __future__ import annotations

import pytest
import torch

from medai.errors import InputError
from medai.networks import unet, unet_classifier


@pytest.mark.parametrize(("levels", "maps"), [(1, 12), (2, 28), (4, 124)])
def test_every_map_of_every_level_gives_two_numbers(levels: int, maps: int) -> None:
    network = unet_classifier(width=4, levels=levels, outputs=2).eval()
    images = torch.randn(3, 1, 32, 48).expand(-1, 3, -1, -1)
    assert network.statistics(images).shape == (3, 2 * maps)
    assert network(images).shape == (3, 2)


def test_numbers_are_mean_and_standard_deviation_of_the_maps() -> None:
    torch.manual_seed(0)
    network = unet_classifier(width=4, levels=1).eval()
    images = torch.randn(1, 1, 32, 32)
    first, second = network.encoder(images)
    numbers = network.statistics(images.expand(-1, 3, -1, -1))[0]
    assert torch.allclose(numbers[:4], first[0].mean(dim=(1, 2)), atol=1e-6)
    assert torch.allclose(numbers[12:16], second[0, 4:].mean(dim=(1, 2)), atol=1e-6)
    assert torch.allclose(numbers[16:], second[0].flatten(1).std(dim=1, correction=0), atol=1e-5)


def test_weights_of_a_lesion_network_are_taken_and_the_rest_left() -> None:
    torch.manual_seed(0)
    lesions, network = unet(classes=3, width=4), unet_classifier(width=4, levels=2)
    network.copy_segmentation_weights(lesions.state_dict())
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, lesions.state_dict()[name])


@pytest.mark.parametrize("levels", [0, 5])
def test_levels_that_a_unet_has_not_are_refused(levels: int) -> None:
    with pytest.raises(InputError, match=f"{levels} levels of a U-Net, expected 1 to 4"):
        unet_classifier(levels=levels)
