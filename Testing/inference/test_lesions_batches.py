from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.errors import CancelledError, WorkerError
from medai.inference.running.batches import BatchRunner

GPU, CPU = torch.device("cuda"), torch.device("cpu")


class Memory:
    """A device that holds ``slices`` at once, and a record of what was computed."""

    def __init__(self, on_gpu: int, on_cpu: int = 1000) -> None:
        self.holds = {"cuda": on_gpu, "cpu": on_cpu}
        self.computed: list[int] = []
        self.released = 0

    def step(self, numbers: range, device: torch.device) -> None:
        if len(numbers) > self.holds[device.type]:
            if device.type == "cuda":
                raise torch.OutOfMemoryError("CUDA out of memory")
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …")
        self.computed += numbers

    def release(self) -> None:
        self.released += 1


def run(memory: Memory, runner: BatchRunner, count: int = 20, cancelled=lambda: False) -> list[int]:
    done: list[int] = []
    runner.run(count, memory.step, done=done.append, cancelled=cancelled, release=memory.release)
    return done


@settings(max_examples=40, deadline=None, derandomize=True)
@given(count=st.integers(0, 40), batch=st.integers(1, 16), holds=st.integers(0, 16))
def test_every_slice_is_computed_once_in_order_whatever_the_memory(count, batch, holds):
    memory = Memory(on_gpu=holds)
    runner = BatchRunner(GPU, batch)
    done = run(memory, runner, count)
    assert memory.computed == list(range(count))
    assert done == sorted(done) and (not done or done[-1] == count)


def test_out_of_memory_halves_the_batch_and_says_so_once():
    memory, runner = Memory(on_gpu=2), BatchRunner(GPU, 16)
    run(memory, runner)
    assert runner.batch_size == 2 and runner.device == GPU and memory.released == 0
    assert runner.notes == ["The GPU's memory ran out: fewer slices are computed at once."]


def test_a_gpu_that_holds_no_slice_hands_over_to_the_cpu():
    memory, runner = Memory(on_gpu=0), BatchRunner(GPU, 4)
    run(memory, runner)
    assert runner.device == CPU and memory.released == 1
    assert runner.notes[-1] == (
        "The GPU's memory does not hold one slice: computed on the CPU instead."
    )


def test_a_computer_that_holds_no_slice_is_an_error_in_one_line():
    with pytest.raises(WorkerError, match="Out of memory with a single slice"):
        run(Memory(on_gpu=0, on_cpu=0), BatchRunner(CPU, 4))


def test_another_error_is_not_taken_for_memory():
    def broken(numbers: range, device: torch.device) -> None:
        raise RuntimeError("shapes differ")

    runner = BatchRunner(CPU, 4)
    with pytest.raises(RuntimeError, match="shapes differ"):
        runner.run(4, broken, done=print, cancelled=lambda: False, release=lambda: None)


def test_cancel_is_heard_before_each_batch():
    memory = Memory(on_gpu=100)
    with pytest.raises(CancelledError):
        run(memory, BatchRunner(GPU, 4), cancelled=lambda: len(memory.computed) >= 8)
    assert memory.computed == list(np.arange(8))
