"""Weights files made to harm, and PyTorch versions that would let them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from medai.errors import MissingDependencyError, UnsafeWeightsError
from medai.models.torch_version import is_safe_torch
from medai.models.weights import read_weights


def saved(path: Path, tensors: dict) -> str:
    torch.save(tensors, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(40_000, 17_000),
        torch.zeros(8).as_strided((100_000, 8), (0, 1)),
        torch.zeros(5, device="meta"),
        torch.eye(3).to_sparse(),
    ],
    ids=["zero stride", "overlapping", "meta", "sparse"],
)
def test_a_tensor_that_grows_out_of_its_file_is_refused(tmp_path, tensor):
    path = tmp_path / "weights.pt"
    sha256 = saved(path, {"weight": tensor})
    with pytest.raises(UnsafeWeightsError, match="not stored as plain numbers"):
        read_weights(path, sha256)


def test_honest_weights_are_read(tmp_path):
    path = tmp_path / "weights.pt"
    tensors = {"a": torch.rand(30, 20), "b": torch.tensor(3), "c": torch.rand(7).half()}
    found = read_weights(path, saved(path, tensors))
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("version", ["2.4.1", "2.5.1+cu124", "2.6.0", "2.9.1", "1.13", "", "odd"])
def test_a_pytorch_that_runs_code_from_weights_is_refused_before_they_are_loaded(
    tmp_path, monkeypatch, version
):
    path = tmp_path / "weights.pt"
    sha256 = saved(path, {"a": torch.rand(3)})
    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("it was loaded"))
    with pytest.raises(MissingDependencyError, match=r"expected 2\.10 or later"):
        read_weights(path, sha256)


@pytest.mark.parametrize("version", ["2.10.0", "2.10.1+cu128", "2.14.1", "3.0.0a0+git1"])
def test_newer_ones_are_taken(version):
    assert is_safe_torch(version)
