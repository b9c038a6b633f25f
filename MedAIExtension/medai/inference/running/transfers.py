"""Copies of slices to the device, and of answers back, that run while the network computes.

On a GPU they go through pinned memory; only reading an answer waits for its copy. On the CPU
nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on its way to ``device``; what is computed from it waits for it."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class Answers:
    """Tensors on their way back; the next batch may start before they are there."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._host = [_on_its_way(tensor) for tensor in tensors]
        self._arrived = torch.cuda.Event() if any(t.is_cuda for t in tensors) else None
        if self._arrived is not None:
            self._arrived.record()

    def arrays(self) -> list[NDArray[Any]]:
        """All of them, on the CPU; waits once."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return [tensor.numpy() for tensor in self._host]


def _on_its_way(tensor: Tensor) -> Tensor:
    if not tensor.is_cuda:
        return tensor
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)
