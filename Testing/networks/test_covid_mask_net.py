from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.networks import count_parameters, covid_mask_net, lesion_mask_rcnn
from medai.networks.covid_mask_net import replicate_in_rank_order

NETWORKS = [
    ("resnet18", 0, "14.75"),
    ("resnet18", 1, "6.29"),
    ("resnet18", 2, "4.15"),
    ("resnet34", 0, "24.87"),
    ("resnet34", 1, "11.68"),
    ("resnet34", 2, "4.82"),
]


@pytest.mark.parametrize(("backbone", "truncation", "millions"), NETWORKS)
def test_classifiers_have_the_counted_parameters_of_which_0_6_million_train(
    backbone, truncation, millions
):
    count = count_parameters(covid_mask_net(backbone, truncation))
    assert f"{count.with_buffers / 1e6:.2f}" == millions
    assert f"{count.trainable / 1e6:.1f}" == "0.6"


def test_resnet50_has_256_regions_and_1024_features():
    network = covid_mask_net("resnet50", 0)
    assert network.regions_per_image == 256
    assert network.s[0].in_features == 5 * 256 and network.s[0].out_features == 1024


@settings(max_examples=60, deadline=None, derandomize=True)
@given(available=st.integers(0, 300), count=st.integers(1, 256))
def test_replication_fills_exactly_and_keeps_the_ranking(available, count):
    ranked = torch.arange(available, dtype=torch.float32)[:, None]
    filled = replicate_in_rank_order(ranked, count)
    assert filled.shape == (count, 1)
    values = filled[:, 0].tolist()
    assert values == sorted(values)
    if available >= count:
        assert values == list(range(count))
    elif available:
        times = [values.count(rank) for rank in range(available)]
        assert min(times) >= 1 and max(times) - min(times) <= 1
    else:
        assert values == [0.0] * count


def test_a_copy_stands_between_the_copied_row_and_the_next():
    filled = replicate_in_rank_order(torch.tensor([[3.0], [1.0], [2.0]]), 5)
    assert filled[:, 0].tolist() == [3, 3, 1, 1, 2]


NETWORK = covid_mask_net().eval()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(counts=st.lists(st.integers(0, 200), min_size=1, max_size=3))
def test_s_receives_exactly_five_times_128_numbers_whatever_was_found(counts):
    regions = [
        {"boxes": torch.rand(n, 4) * 64, "scores": torch.rand(n), "labels": torch.ones(n)}
        for n in counts
    ]
    vector = NETWORK.region_vector(regions, 64, 64)
    assert vector.shape == (len(counts), 5 * 128)
    assert NETWORK.s(vector).shape == (len(counts), 3)


def test_an_image_without_any_region_still_gets_an_answer():
    network = covid_mask_net().eval()
    # Every box collapses to nothing, so every region is removed as empty.
    network.roi_heads.box_predictor.bbox_pred.weight.data.zero_()
    network.roi_heads.box_predictor.bbox_pred.bias.data[:] = torch.tensor(
        [1e4, 1e4, -1e4, -1e4] * 2
    )
    with torch.inference_mode():
        images = torch.rand(2, 3, 64, 64)
        assert [len(found["scores"]) for found in network.ranked_regions(images)] == [0, 0]
        assert torch.isfinite(network(images)).all()


def test_regions_are_ranked_and_the_same_input_gives_the_same_answer():
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        for found in NETWORK.ranked_regions(images):
            assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
            assert 0 < len(found["scores"]) <= 128
        assert torch.equal(NETWORK(images), NETWORK(images))


def test_training_moves_s_and_batch_norm_weights_only():
    torch.manual_seed(0)
    network = covid_mask_net().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=1.0)
    network(torch.rand(2, 3, 96, 96)).square().sum().backward()
    optimizer.step()
    moved = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    assert {name for name in moved if name.startswith("s.")}
    rest = {name for name in moved if not name.startswith("s.")}
    assert rest and all(".bn" in name or "downsample.1" in name for name in rest)
    assert not any("running" in name or "num_batches" in name for name in rest)


def test_segmentation_weights_are_copied_except_the_mask_branch():
    torch.manual_seed(1)
    segmentation = lesion_mask_rcnn("resnet18", 2).state_dict()
    network = covid_mask_net("resnet18", 2)
    network.copy_segmentation_weights(segmentation)
    copied = network.state_dict()
    for name, value in segmentation.items():
        if "mask" in name:
            assert name not in copied
        else:
            assert torch.equal(copied[name], value)
