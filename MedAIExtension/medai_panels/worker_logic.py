"""What the logics of the modules with a network share: a worker process, and export."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from medai import reports
from medai.errors import MissingDependencyError
from medai.inference.worker.inference_worker import Worker
from medai_panels.gpu_memory import gpu_memory_gb


class WorkerLogic(ScriptedLoadableModuleLogic):
    """A module's logic whose results a process beside Slicer computes."""

    def __init__(self, worker: Any = None) -> None:
        """``worker`` is the process that computes; by default one is started at the first run."""
        ScriptedLoadableModuleLogic.__init__(self)
        self._worker = worker

    def submit(self, task: str, study: Any, modelId: str, options: Any) -> Any:
        """Hand a study to the worker process, which starts with the first; returns the job."""
        if self._worker is None:
            self._worker = new_worker()
        return self._worker.submit(task, study, modelId, options)

    def export(self, result: Any, folder: Path) -> None:
        """Write everything about a result into a new folder. Raises OutputError."""
        reports.write(result, folder)

    def close(self) -> None:
        """End the worker process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def new_worker() -> Worker:
    """A worker whose process runs Slicer's own Python; it starts with the first job."""
    return Worker(python=_python(), gpu_memory_gb=gpu_memory_gb)


def _python() -> str:
    """Slicer's interpreter; the running one where that is one. Raises MissingDependencyError."""
    found = shutil.which("PythonSlicer")
    if found is not None:
        return found
    # Inside Slicer the running program may be Slicer itself, which would open a second window.
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    raise MissingDependencyError(
        _(
            "Slicer's Python interpreter (PythonSlicer) was not found on the path: start Slicer by "
            "its own program file or shortcut, or install it again."
        )
    )
