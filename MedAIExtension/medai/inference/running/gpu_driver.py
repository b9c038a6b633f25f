"""Whether a GPU can be there at all, asked of the system: PyTorch takes seconds to be asked."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

# What NVIDIA's driver installs.
_DRIVERS = ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1",)
# Where AMD's driver is reached; PyTorch for it calls its devices "cuda" too.
_AMD_DEVICE = Path("/dev/kfd")


def gpu_possible() -> bool:
    """Whether networks may find a GPU; PyTorch itself is asked only where it is loaded already.

    True doesn't promise one: the installed PyTorch may be made for the CPU alone.
    """
    if "torch" in sys.modules:
        from torch import cuda

        return bool(cuda.is_available())
    return _AMD_DEVICE.exists() or any(_devices_of(driver) > 0 for driver in _DRIVERS)


def _devices_of(driver: str) -> int:
    """How many GPUs a driver library sees; 0 without it."""
    try:
        library = ctypes.CDLL(driver)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if library.cuInit(0) != 0 or library.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
