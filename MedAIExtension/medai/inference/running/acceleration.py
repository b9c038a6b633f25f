"""The same network, faster: batch norm folded into convolutions, channels last, bfloat16."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Hashable
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from medai.inference.running.device import fast_dtype

T = TypeVar("T")
Network = TypeVar("Network", bound=nn.Module)
_prepared: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, object]] = (
    weakref.WeakKeyDictionary()
)


def accelerated(
    network: Network, device: torch.device, dtype: torch.dtype | None = None
) -> Network:
    """A copy of ``network`` for inference on ``device``, remembered for the next call.

    dtype: of weights and activations; by default bfloat16 where the device computes in it, else
    float32. Inputs must be of that dtype (``next(copy.parameters()).dtype``), and are best in
    channels-last memory format. ``network`` itself stays as it is.
    """
    dtype = fast_dtype(device) if dtype is None else dtype
    return remembered(
        network, ("network", str(device), dtype), lambda: fast_copy(network, device, dtype)
    )


def remembered(network: nn.Module, key: Hashable, make: Callable[[], T]) -> T:
    """``make()``, made once per network and key: a worker that keeps its models prepares once."""
    kept = _prepared.setdefault(network, {})
    if key not in kept:
        kept[key] = make()
    return kept[key]  # type: ignore[return-value]


def release(network: nn.Module) -> None:
    """Forget everything remembered for ``network``, so that its memory can be used again."""
    _prepared.pop(network, None)


def fast_copy(network: Network, device: torch.device, dtype: torch.dtype) -> Network:
    """A new copy in evaluation mode: folded, of ``dtype``, channels last, on ``device``.

    A network's ``exact_parts`` stay in float32.
    """
    fast = fold_batch_norm(copy.deepcopy(network).eval()).requires_grad_(False)
    exact: tuple[str, ...] = getattr(network, "exact_parts", ())
    for name, part in fast.named_children():
        part.to(dtype=torch.float32 if name in exact else dtype)
    if not exact:
        fast = fast.to(dtype=dtype)
    return fast.to(device=device).to(memory_format=torch.channels_last)


def fold_batch_norm(network: Network) -> Network:
    """Replace every convolution that is followed by its batch norm with one convolution.

    A pair is two neighbours in the order a module defines its children, which in torchvision's
    networks and the U-Net is the order they are applied in. In place; evaluation mode only.
    """
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, first), (next_name, second) in pairwise(children):
            if (
                isinstance(first, nn.Conv2d)
                and isinstance(second, nn.BatchNorm2d)
                and first.out_channels == second.num_features
            ):
                setattr(module, name, fuse_conv_bn_eval(first, second))
                setattr(module, next_name, nn.Identity())
    return network
