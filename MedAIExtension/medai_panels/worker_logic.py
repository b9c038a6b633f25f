"""What the logics of the modules with a network share: a worker process, and export."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from medai import reports, scene
from medai.errors import InputError, MissingDependencyError
from medai.inference.worker.inference_worker import Worker
from medai.scene.presence import is_present
from medai.scene.steps import Steps
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

    def show_in_steps(self, result: Any, nodes: Sequence[Any]) -> Steps[Any]:
        """Show a result beside its source nodes, step by step, so that the window goes on.

        nodes: the first is what the result lies on, all of them for a result of several. Returns
        the nodes that show it. Raises InputError when a source is no longer in the scene.
        """
        self.require_present(nodes)
        return (yield from scene.show_in_steps(result, nodes[0]))

    def require_present(self, nodes: Sequence[Any]) -> None:
        """Raise InputError unless these source nodes of a result are in the scene."""
        if not all(is_present(node) for node in nodes):
            raise InputError(_("What this result was computed from is no longer in the scene."))

    def reason_not_to_measure(self, own: Any, segmentationNodes: Sequence[Any]) -> str:
        """Why the segments can't be measured as a correction of ``own``; "" when they can."""
        if not all(is_present(node) for node in segmentationNodes):
            return _("The segments were deleted: press Run again.")
        if not self.shows(own, segmentationNodes):
            return _("Another run has replaced these segments: press Run again.")
        return ""

    def shows(self, own: Any, segmentationNodes: Sequence[Any]) -> bool:
        """Whether the segments were made for this result, and not for another one since."""
        raise NotImplementedError

    def measure_in_steps(
        self, own: Any, segmentationNodes: Sequence[Any], nodes: Sequence[Any]
    ) -> Steps[Any]:
        """The result with the segments as a hand has left them; ``own`` when it left all.

        nodes: the sources of the result, as of ``show_in_steps``.
        """
        raise NotImplementedError

    def forget_corrections(self, own: Any, segmentationNodes: Sequence[Any]) -> None:
        """Let the network's own fill the segments again, when it is shown next."""
        raise NotImplementedError

    def export(self, result: Any, folder: Path, remark: str = "") -> None:
        """Write everything about a result into a new folder. Raises OutputError.

        remark: what a reader must know besides, "" for nothing; it stands first among the notes.
        """
        reports.write(with_note(result, remark) if remark else result, folder)

    def close(self) -> None:
        """End the worker process."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def with_note(result: Any, note: str) -> Any:
    """The same result with one more note, the first."""
    if hasattr(result, "classification"):
        return replace(result, classification=with_note(result.classification, note))
    return replace(result, notes=(note, *result.notes))


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
