"""A worker without a process: a test says what each job does, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medai.progress import Progress
from medai.tasks import part, task_named


class ScriptedJob:
    """A job in the shape of the inference worker's; each poll is one step further."""

    def __init__(self, task: str, arguments: tuple, steps: list[Progress], end: Callable) -> None:
        self.task, self.arguments = task, arguments
        self.state = "queued"
        self.progress: Progress | None = None
        self.result: Any = None
        self.error = ""
        self.polls = 0
        self.wants_cancel = False
        self._steps, self._end = list(steps), end

    def poll(self) -> None:
        self.polls += 1
        if self.state in ("done", "failed", "cancelled"):
            return
        if self.wants_cancel:
            self.state = "cancelled"
        elif self._steps:
            self.state = "running"
            self.progress = self._steps.pop(0)
        else:
            self._finish()

    def cancel(self) -> None:
        self.wants_cancel = True

    def _finish(self) -> None:
        try:
            self.result = self._end(*self.arguments)
            self.state = "done"
        except Exception as error:
            self.error = str(error)
            self.state = "failed"


class ScriptedWorker:
    """Hands out scripted jobs. ``end`` gets what was submitted and returns the result or raises."""

    def __init__(self, end: Callable[..., Any], steps: list[Progress] | None = None) -> None:
        self.end = end
        self.steps = [Progress(0.0, "Loading the model"), Progress(0.5, "Slice 10 of 20")]
        if steps is not None:
            self.steps = steps
        self.jobs: list[ScriptedJob] = []
        self.closed = False

    def submit(self, task: str, *arguments: Any) -> ScriptedJob:
        # Measuring needs no network: the real thing runs.
        end = self.end if task != "measure" else part(task_named(task).run)
        job = ScriptedJob(task, arguments, self.steps, end)
        self.jobs.append(job)
        return job

    def close(self) -> None:
        self.closed = True
