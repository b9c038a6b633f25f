"""Which sample is drawn at which step, by the step's number alone.

Every random choice about sample ``n`` of a run comes from a generator seeded with (seed, n), so a
run that was killed and resumed, or that is spread over processes, sees the same samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch.utils.data import Dataset, Sampler


class EpochSampler(Sampler[int]):
    """Numbers of the samples of one epoch, shared out over the processes of a run.

    per_process: samples per epoch and process. With one process epoch e has the numbers
    ``e * per_process + i``; with w of them, process r takes every w-th from the r-th on.
    """

    def __init__(self, per_process: int) -> None:
        self.per_process, self.epoch = per_process, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        # Asked only when the run has begun: before that nobody knows how many processes it has.
        together = dist.is_available() and dist.is_initialized()
        rank, world = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)
        start = self.epoch * self.per_process * world
        yield from range(start + rank, start + self.per_process * world, world)

    def __len__(self) -> int:
        return self.per_process


class SeededSamples(Dataset):
    """Endless training samples: item ``n`` is drawn and augmented with the seed (seed, n).

    items: data set with ``len`` and ``[i]``. augment: callable on one item, uses torch's global
        generator (as torchvision's transforms do). weights: how often each item is drawn,
        relative; None goes through all items in a new order each round.
    """

    def __init__(self, items, augment, seed: int, weights: torch.Tensor | None = None) -> None:
        self.items, self.augment, self.seed, self.weights = items, augment, seed, weights

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step_seed(self.seed, number))
            return self.augment(self.items[self._choose(number)])

    def _choose(self, number: int) -> int:
        if self.weights is not None:
            return int(torch.multinomial(self.weights, 1))
        size = len(self.items)
        order = torch.Generator().manual_seed(step_seed(self.seed, -1 - number // size))
        return int(torch.randperm(size, generator=order)[number % size])


def step_seed(seed: int, number: int) -> int:
    """A seed for sample or step ``number`` that differs for neighbouring numbers (splitmix64)."""
    mask = (1 << 64) - 1
    value = ((seed << 32) + number + 0x9E3779B97F4A7C15) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return (value ^ (value >> 31)) >> 1
