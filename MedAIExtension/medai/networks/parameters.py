"""Counting a network's parameters the ways papers do."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterCount:
    """Learnable numbers; those and batch-norm statistics; those that have a gradient."""

    total: int
    with_buffers: int
    trainable: int


def count_parameters(network: nn.Module) -> ParameterCount:
    """The numbers in a network."""
    parameters = list(network.parameters())
    total = sum(p.numel() for p in parameters)
    return ParameterCount(
        total=total,
        with_buffers=total + sum(b.numel() for b in network.buffers()),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
    )
