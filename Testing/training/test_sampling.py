"""Samples depend on their number alone, not on process, order or what ran before."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.sampling import EpochSampler, SeededSamples, step_seed


def noisy(item: int) -> tuple[int, float]:
    return item, float(torch.rand(()))


def test_epochs_go_on_where_the_last_one_ended() -> None:
    sampler = EpochSampler(4)
    assert list(sampler) == [0, 1, 2, 3]
    sampler.set_epoch(3)
    assert list(sampler) == [12, 13, 14, 15]


def test_processes_share_the_numbers_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for rank in range(3):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
        sampler = EpochSampler(4)
        sampler.set_epoch(1)
        drawn.append(list(sampler))
    assert sorted(n for numbers in drawn for n in numbers) == list(range(12, 24))
    assert all(len(numbers) == 4 for numbers in drawn)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(number=st.integers(0, 10_000), before=st.integers(0, 5))
def test_a_sample_is_the_same_whatever_ran_before(number: int, before: int) -> None:
    samples = SeededSamples(range(7), noisy, seed=3)
    expected = samples[number]
    torch.rand(before)
    state = torch.get_rng_state()
    assert samples[number] == expected
    assert torch.equal(torch.get_rng_state(), state)


def test_each_round_goes_through_all_items_in_a_new_order() -> None:
    samples = SeededSamples(range(50), noisy, seed=0)
    rounds = [[samples[50 * k + i][0] for i in range(50)] for k in range(2)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(50))
    assert rounds[0] != rounds[1]


def test_weights_say_how_often_an_item_is_drawn() -> None:
    samples = SeededSamples(range(3), noisy, seed=0, weights=torch.tensor([0.0, 1.0, 3.0]))
    drawn = [samples[number][0] for number in range(800)]
    assert drawn.count(0) == 0
    assert drawn.count(2) / 800 == pytest.approx(0.75, abs=0.05)


def test_seeds_of_neighbours_differ() -> None:
    assert len({step_seed(seed, number) for seed in range(20) for number in range(200)}) == 4000
