"""The inference process as Slicer must start it."""

from __future__ import annotations

import shutil

from medai.inference.worker import Worker
from medai_panels.gpu_memory import gpu_memory_gb


def new_worker() -> Worker:
    """A worker whose process runs Slicer's own Python; it starts with the first job."""
    # Inside Slicer the running program is Slicer itself, not an interpreter.
    return Worker(python=shutil.which("PythonSlicer"), gpu_memory_gb=gpu_memory_gb)
