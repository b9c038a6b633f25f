"""The bound on GPU memory; torch.cuda is a stand-in, since no test counts on a GPU."""

from __future__ import annotations

import pytest

from medai.errors import InputError
from medai.inference.running.gpu_memory import limit_gpu_memory, memory_fraction
from Testing.standins.cuda import CARD_BYTES, stand_in_card


@pytest.fixture
def fractions(monkeypatch) -> list[float]:
    """What was set on a card of 24 GiB that is in use already."""
    return stand_in_card(monkeypatch)


def test_gigabytes_become_a_share_of_the_card():
    assert memory_fraction(4.0, 16_000_000_000) == 0.25
    assert memory_fraction(16.0, 16_000_000_000) == 1.0
    assert memory_fraction(None, CARD_BYTES) == 1.0
    # What is sold as 24 GB holds 25.8 × 10⁹ bytes.
    assert memory_fraction(24.0, CARD_BYTES) == pytest.approx(0.9313, abs=1e-4)


def test_more_than_the_card_has_is_an_error_that_says_how_much_that_is():
    with pytest.raises(InputError, match=r"^GPU memory limit is 32 GB, but the card has 25.8 GB.$"):
        memory_fraction(32.0, CARD_BYTES)


@pytest.mark.parametrize("limit_gb", [0.0, -1.0, float("nan")])
def test_nothing_is_no_limit_whether_there_is_a_gpu_or_not(limit_gb):
    with pytest.raises(InputError, match="expected more than 0"):
        limit_gpu_memory(limit_gb)


def test_the_limit_is_set_on_the_card_and_lifted_again(fractions):
    limit_gpu_memory(6.0)
    limit_gpu_memory(None)
    assert fractions == [6e9 / CARD_BYTES, 1.0]


def test_without_a_limit_a_card_that_sleeps_is_not_woken(fractions, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: False)
    limit_gpu_memory(None)
    assert fractions == []


def test_a_limit_changes_nothing_where_there_is_no_gpu(fractions, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    limit_gpu_memory(2000.0)
    assert fractions == []
