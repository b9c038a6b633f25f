"""Where a network runs, and in which precision."""

from __future__ import annotations

import torch

from medai.errors import InputError, MissingDependencyError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """The device for "auto" (CUDA when there is one, else the CPU), "cpu" or "cuda".

    Raises InputError for another name, MissingDependencyError for "cuda" without a usable GPU.
    """
    if name not in DEVICES:
        raise InputError(f"Device is {name!r}, expected one of {', '.join(DEVICES)}.")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise MissingDependencyError(
            "Device is 'cuda', but PyTorch finds no usable NVIDIA GPU: choose 'auto' or 'cpu'."
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def describe_device(device: torch.device) -> str:
    """ "CPU", or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor computes in it, else float32.

    An emulated bfloat16 would be slower than float32, so only processors with the instructions
    count.
    """
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
        native = any(getattr(torch.cpu, name, lambda: False)() for name in checks)
    return torch.bfloat16 if native else torch.float32


def device_names() -> list[str]:
    """What networks could run on: "CPU", then the name of each GPU."""
    return ["CPU", *(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count()))]
