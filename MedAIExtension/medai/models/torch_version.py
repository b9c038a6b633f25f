"""Which PyTorch may open a weights file that came from anywhere."""

from __future__ import annotations

import re

from medai.errors import MissingDependencyError

# Before 2.6 a file could run code despite ``weights_only=True`` (CVE-2025-32434), and before 2.10
# a damaged one could write outside its memory (CVE-2026-24747).
OLDEST_TORCH = (2, 10)
TORCH_REQUIREMENT = ">=2.10"


def require_safe_torch(version: str) -> None:
    """Raise MissingDependencyError when PyTorch ``version`` is too old to be given a file."""
    if not is_safe_torch(version):
        raise MissingDependencyError(
            f"PyTorch {version} is installed, expected 2.10 or later: a weights file can run "
            "programs in older ones. In Slicer: update it with the PyTorch extension; elsewhere: "
            "pip install --upgrade torch torchvision."
        )


def is_safe_torch(version: str) -> bool:
    """Whether ``version`` (such as ``2.10.1+cu128``) is new enough; one that says nothing isn't."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_TORCH
