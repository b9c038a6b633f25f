"""Slices go to the device and answers come back beside the computing; here, on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medai.errors import CancelledError
from medai.images import to_axial
from medai.inference.lesions import slice_networks
from medai.inference.lesions.slice_networks import run_networks
from medai.inference.running.lung_slices import LungSlices
from medai.inference.running.transfers import Answers, to_device
from Testing.model_folders import write_model

CPU = torch.device("cpu")


@pytest.fixture
def model(models, store):
    """A small U-Net of two classes of lesion."""
    write_model(models / "tiny", "unet", ("a", "b"), size=32, width=2, classes=3)
    return store.load("tiny")


@pytest.fixture
def slices(chest) -> LungSlices:
    """Seven whole slices of the phantom."""
    axial = to_axial(chest.volume)
    boxes = np.tile(np.array([0, 96, 0, 96], np.intp), (7, 1))
    return LungSlices(axial, np.arange(7) + 8, boxes)


def answer(model, slices, batch_size, cancelled=lambda: False):
    return run_networks(model, slices, device="cpu", batch_size=batch_size, cancelled=cancelled)


def test_what_goes_there_and_back_is_the_same():
    sent = [torch.arange(6).reshape(2, 3), torch.rand(4).half(), torch.zeros(0, 28, 28)]
    back = Answers([to_device(tensor, CPU) for tensor in sent]).arrays()
    for tensor, array in zip(sent, back, strict=True):
        np.testing.assert_array_equal(array, tensor.numpy())
        assert array.dtype == tensor.numpy().dtype


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 20])
def test_every_slice_is_put_in_its_own_place_whatever_the_batch(model, slices, batch_size):
    one = answer(model, slices, 1)
    found = answer(model, slices, batch_size)
    np.testing.assert_allclose(found.probability, one.probability, atol=4e-3)
    assert (found.likeliest == one.likeliest).mean() > 0.999
    seen = found.probability.any(axis=(1, 2))
    assert np.flatnonzero(seen).tolist() == slices.indices.tolist()


def test_a_batch_is_under_way_before_the_last_one_is_taken_in(model, slices, monkeypatch):
    said = []

    class Watched(Answers):
        made = 0

        def __init__(self, tensors):
            super().__init__(tensors)
            self.number = Watched.made
            Watched.made += 1
            said.append(f"computed {self.number}")

        def arrays(self):
            said.append(f"taken in {self.number}")
            return super().arrays()

    monkeypatch.setattr(slice_networks, "Answers", Watched)
    answer(model, slices, 3)
    assert said == [
        *("computed 0", "computed 1", "taken in 0"),
        *("computed 2", "taken in 1", "taken in 2"),
    ]


def test_memory_that_runs_out_half_way_loses_no_slice(model, slices, monkeypatch):
    expected = answer(model, slices, 2)
    begun = []

    def framed(run, numbers, device, plain=slice_networks._NetworkRun._framed):
        begun.append(len(numbers))
        if numbers.start == 2 and len(numbers) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(run, numbers, device)

    monkeypatch.setattr(slice_networks._NetworkRun, "_framed", framed)
    found = answer(model, slices, 2)
    assert begun == [2, 2, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(found.probability, expected.probability, atol=4e-3)
    assert found.notes == ("The computer's memory ran out: fewer slices are computed at once.",)


def test_a_cancelled_run_is_heard_between_batches(model, slices):
    asked = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(CancelledError):
        answer(model, slices, 1, cancelled)
