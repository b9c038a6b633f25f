"""Studies in several processes of this machine; one that dies costs one study."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import medai
from medai.batch.one_study import failed, run_study
from medai.batch.outcome import Outcome, StudyRequest
from medai.cancellation import CancelCallback
from medai.child_process import safe_environment
from medai.errors import CancelledError

_LOOK_SECONDS = 0.2
# The pipeline's peak on a large chest CT.
_BYTES_PER_WORKER = 4 * 2**30
# Each process computes with one thread, so that the result doesn't depend on their number.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_PYTHON_PATHS = ("PYTHONPATH", "PYTHONSAFEPATH")


def usual_workers(device: str) -> int:
    """As many processes as the machine has processors and memory for; one where there is a GPU."""
    if device == "cuda" or (device == "auto" and _has_cuda()):
        return 1
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    room = int(psutil.virtual_memory().available // _BYTES_PER_WORKER)
    return max(1, min(cores or 1, room))


def run_in_processes(
    requests: Sequence[StudyRequest], workers: int, cancelled: CancelCallback
) -> Iterator[Outcome]:
    """Yield each study's outcome as it comes, in any order.

    Raises CancelledError; then, as on any other end, all processes are gone.
    """
    waiting = list(reversed(requests))
    running: list[_Process] = []
    working = tempfile.mkdtemp(prefix="medai-")
    try:
        while waiting or running:
            if cancelled():
                raise CancelledError
            while waiting and len(running) < workers:
                running.append(_Process.started(working))
                running[-1].give(waiting.pop())
            for process in _ready(running):
                yield process.outcome()
                if not process.alive:
                    running.remove(process)
                    process.end()
                elif waiting:
                    process.give(waiting.pop())
                else:
                    running.remove(process)
                    process.end()
    finally:
        for process in running:
            process.end()
        shutil.rmtree(working, ignore_errors=True)


def _ready(running: Sequence[_Process]) -> list[_Process]:
    ends = wait([process.connection for process in running], timeout=_LOOK_SECONDS)
    return [process for process in running if process.connection in ends]


@dataclass(eq=False)
class _Process:
    process: SpawnProcess
    connection: Connection
    request: StudyRequest | None = None
    alive: bool = True

    @classmethod
    def started(cls, working: str) -> _Process:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, working))
        # It starts with this process' environment, and what it may import is in its start data.
        environment, imports = dict(os.environ), list(sys.path)
        safe = safe_environment()
        try:
            for name in {*_ONE_THREAD, *_PYTHON_PATHS}:
                os.environ.pop(name, None)
            os.environ.update(_ONE_THREAD | {n: safe[n] for n in _PYTHON_PATHS if n in safe})
            sys.path[:] = _without_current_folder(imports)
            process.start()
        finally:
            sys.path[:] = imports
            os.environ.clear()
            os.environ.update(environment)
        theirs.close()
        return cls(process, ours)

    def give(self, request: StudyRequest) -> None:
        self.request = request
        try:
            self.connection.send(request)
        except OSError:
            # It died before its first study; outcome() says so.
            self.alive = False

    def outcome(self) -> Outcome:
        assert self.request is not None
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.alive = False
            self.process.join()
            return failed(self.request, _why_it_ended(self.process.exitcode or 0))

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _without_current_folder(paths: Sequence[str]) -> list[str]:
    """Where a child may import from: not the current folder, unless it was named or holds MedAI."""
    named = {*os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    named.add(str(Path(medai.__file__).absolute().parent.parent))
    current = os.getcwd()  # noqa: PTH109 (compared with what Python itself wrote)
    return [p for p in paths if Path(p).is_absolute() and (p != current or p in named)]


def _why_it_ended(status: int) -> str:
    if status == -signal.SIGTERM or status == -9:
        return "Its process was ended by the system, most likely out of memory: use fewer workers."
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"Its process crashed ({name})."


def _serve(connection: Connection, working: str) -> None:
    """Do studies until there are no more; runs in the child, in the empty folder ``working``."""
    os.chdir(working)
    # Ctrl-C reaches the whole group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch_parent, daemon=True).start()
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        connection.send(run_study(request))


def _has_cuda() -> bool:
    try:
        from medai.inference.running.device import choose_device
    except ImportError:
        return False
    return choose_device("auto").type == "cuda"
