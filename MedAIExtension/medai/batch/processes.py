"""Studies in several processes of this machine; one that dies costs one study."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from medai.batch.one_study import failed, run_study
from medai.batch.outcome import Outcome, StudyRequest
from medai.errors import CancelledError
from medai.progress import CancelCallback

_LOOK_SECONDS = 0.2
# The pipeline's peak on a large chest CT.
_BYTES_PER_WORKER = 4 * 2**30
# Each process computes with one thread, so that the result doesn't depend on their number.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


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
    try:
        while waiting or running:
            if cancelled():
                raise CancelledError
            while waiting and len(running) < workers:
                running.append(_Process.started())
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
    def started(cls) -> _Process:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,))
        before = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(_ONE_THREAD)
        try:
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
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


def _why_it_ended(status: int) -> str:
    if status == -signal.SIGTERM or status == -9:
        return "Its process was ended by the system, most likely out of memory: use fewer workers."
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"Its process crashed ({name})."


def _serve(connection: Connection) -> None:
    """Do studies until there are no more; runs in the child."""
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
