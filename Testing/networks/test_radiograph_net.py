"""The radiograph network's zone scores: pooling and the ordinal model, by hand."""

from __future__ import annotations

import torch

from medai.networks import radiograph_net
from medai.networks.radiograph_net import ZoneHead, _means


def test_logits_have_the_pictures_size_and_zones_four_scores():
    network = radiograph_net().eval()
    images, zones = torch.randn(2, 1, 64, 96), torch.zeros(2, 6, 64, 96)
    zones[:, :, 10:40, 20:60] = 1
    with torch.inference_mode():
        logits = network(images)
        scores = network.zone_scores(images, logits, zones)
    assert logits.shape == (2, 4, 64, 96)
    assert scores.shape == (2, 6, 4)
    assert torch.allclose(scores.sum(-1), torch.ones(2, 6))


def test_means_are_those_of_the_zones_pixels_and_0_in_an_empty_zone():
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    zones = torch.zeros(1, 6, 8, 8)
    zones[0, 0, :2, :2] = 1  # the first pixel of the maps
    zones[0, 1, :4, :2] = 1  # its first column's upper half: 0 and 4
    means = _means(maps, zones)
    assert means[0, :3, 0].tolist() == [0.0, 2.0, 0.0]


def test_the_ordinal_model_by_hand():
    head = ZoneHead(1)
    head.mean, head.scale = torch.tensor([1.0]), torch.tensor([2.0])
    head.weight.data = torch.tensor([3.0])
    head.cuts.data = torch.tensor([0.0, 1.0, 2.0])
    # (1.6667 − 1) / 2 · 3 = 1: P(>0) = σ(1), P(>1) = σ(0), P(>2) = σ(−1).
    p = head(torch.tensor([[5.0 / 3.0]]))[0].tolist()
    expected = [0.26894, 0.73106 - 0.5, 0.5 - 0.26894, 0.26894]
    assert torch.allclose(torch.tensor(p), torch.tensor(expected), atol=1e-4)
