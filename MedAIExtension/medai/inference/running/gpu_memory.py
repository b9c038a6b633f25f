"""How much of the graphics card's memory this process may take; other programs need theirs."""

from __future__ import annotations

import sys

from medai.errors import InputError

_BYTES_PER_GB = 1e9


def limit_gpu_memory(limit_gb: float | None) -> None:
    """Bound what networks take of the GPU from now on, in GB (10⁹ bytes); None lifts the bound.

    Call it before a model is placed. What doesn't fit then runs in smaller batches, and at last on
    the CPU (see ``batches``). Without a GPU, or without PyTorch, a valid limit changes nothing.
    Raises InputError for zero, less, or more than the card has.
    """
    if limit_gb is not None and not limit_gb > 0:
        raise InputError(f"GPU memory limit is {limit_gb:g} GB, expected more than 0.")
    if limit_gb is None and "torch" not in sys.modules:
        return
    try:
        from torch import cuda
    except ImportError:
        # Whatever needs it says so.
        return
    # To ask a card wakes it, which nobody needs who has never set a limit.
    if not cuda.is_available() or (limit_gb is None and not cuda.is_initialized()):
        return
    total_bytes = cuda.get_device_properties(cuda.current_device()).total_memory
    cuda.set_per_process_memory_fraction(memory_fraction(limit_gb, total_bytes))


def memory_fraction(limit_gb: float | None, total_bytes: int) -> float:
    """The share of a card of ``total_bytes`` that ``limit_gb`` is; 1 for None.

    Raises InputError when the card has less.
    """
    if limit_gb is None:
        return 1.0
    fraction = limit_gb * _BYTES_PER_GB / total_bytes
    if not fraction <= 1.0:
        raise InputError(
            f"GPU memory limit is {limit_gb:g} GB, but the card has "
            f"{total_bytes / _BYTES_PER_GB:.1f} GB."
        )
    return fraction
