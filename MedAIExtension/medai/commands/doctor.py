"""``medai doctor``: what a bug report needs to say about this machine, without identifiers."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import medai
from medai.commands.console import print_answer
from medai.commands.options import JsonOption
from medai.errors import ModelError

_PACKAGES = ("numpy", "scipy", "torch", "torchvision", "SimpleITK", "pydicom", "slicer-core")
_GB = 1e9


def doctor(as_json: JsonOption = False) -> None:
    """Say versions, devices, models, free memory and disk, for a bug report."""
    found = examination()
    lines = [f"{name.replace('_', ' ')}: {_words(value)}" for name, value in found.items()]
    print_answer("\n".join(lines), found, as_json=as_json)


def examination() -> dict[str, Any]:
    """What is there: no names of users, machines, folders or studies. Memory and disk in GB."""
    return {
        "medai": medai.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor_cores": os.cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "devices": _devices(),
        "free_memory_gb": _free_memory_gb(),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / _GB, 1),
        "slicer_application": shutil.which("Slicer") is not None,
        "models": _models(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> list[str]:
    if find_spec("torch") is None:
        return ["none: PyTorch is not installed"]
    from medai.inference.running.device import device_names

    return device_names()


def _free_memory_gb() -> float | None:
    """What can be had without swapping; None where the system doesn't say."""
    if sys.platform != "linux":
        return None
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return round(int(line.split()[1]) * 1024 / _GB, 1)
    return None


def _models() -> dict[str, str]:
    """Each model, and "sound" or why it can't be used."""
    from medai.models import ModelStore

    store = ModelStore()
    states: dict[str, str] = {}
    for card in store.cards():
        try:
            store.verify(card.id)
            states[card.id] = "sound"
        except ModelError as error:
            states[card.id] = str(error)
    return states | dict.fromkeys(store.broken(), "its card can't be read")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {state}" for name, state in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "found" if value else "not found"
    return "unknown" if value is None else str(value)
