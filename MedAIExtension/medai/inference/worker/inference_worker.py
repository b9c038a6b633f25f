"""The window's side of the inference process: submit, poll from a timer, cancel.

Nothing here blocks, and nothing needs a thread: inside Slicer other Python threads rest while the
window waits for events.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import medai
from medai.child_process import safe_environment, system_program
from medai.errors import WorkerError
from medai.inference.worker.array_transfer import OutgoingMessage, pack, unpack
from medai.inference.worker.process import ADDRESS_FILE
from medai.inference.worker.transfer_folder import (
    keep_transfer_folder,
    new_transfer_folder,
    remove_transfer_folder,
)
from medai.progress import Progress

IDLE_SECONDS = 600.0
# A cancelled study gets this long to stop by itself before its process is ended.
CANCEL_SECONDS = 2.0
_START_SECONDS = 120.0
# How long one poll may copy arrays; windows poll every 50 ms or so.
_COPY_SECONDS = 0.02
# How Python begins its last line when it crashes.
_FATAL = "Fatal Python error:"
_OUT_OF_MEMORY = (
    "The inference process was ended by the system, most likely out of memory: close other "
    "programs or choose the CPU, then run again. Nothing in the scene was lost."
)


class Job:
    """One study on its way; read its attributes after each ``poll``.

    state: "queued", "running", "done", "failed" or "cancelled". progress: the last report.
    result: of a done job. error: one line, of a failed job.
    """

    def __init__(self, worker: Worker, number: int, message: OutgoingMessage) -> None:
        self._worker = worker
        self.number = number
        self.message: OutgoingMessage | None = message
        self.arrays = message.arrays
        self.sent = False
        self.state = "queued"
        self.progress = Progress(0.0, "waiting")
        self.result: Any = None
        self.error = ""
        self.cancel_time: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to this job."""
        return self.state in ("done", "failed", "cancelled")

    def poll(self) -> None:
        """Take in what happened since; never waits."""
        self._worker.poll()

    def cancel(self) -> None:
        """Ask for an end; the state is "cancelled" within about two seconds of polling."""
        self._worker.cancel(self)

    def end(self, state: str, *, error: str = "", result: Any = None) -> None:
        """Set the final state and let go of the input."""
        self.state, self.error, self.result = state, error, result
        if self.message is not None:
            self.message.discard()
        self.message = None
        self.arrays = {}


class Worker:
    """Runs studies one after the other in a process that starts on first use.

    python: the interpreter; inside Slicer its PythonSlicer. model_folders: as of ModelStore.
    gpu_memory_gb: asked at each submit how much of the GPU that study may take, None for all.
    """

    def __init__(
        self,
        python: str | None = None,
        model_folders: Sequence[Path] | None = None,
        idle_seconds: float = IDLE_SECONDS,
        gpu_memory_gb: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._python = python or sys.executable
        self._models = (
            None if model_folders is None else [str(Path(f).absolute()) for f in model_folders]
        )
        self._idle_seconds = idle_seconds
        self._gpu_memory_gb = gpu_memory_gb
        self._jobs: list[Job] = []
        self._count = 0
        self._folder = new_transfer_folder()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._key = b""
        self._started = 0.0
        self._lost_since: float | None = None

    @property
    def pid(self) -> int | None:
        """Process number of the running process, None when there is none."""
        return None if self._process is None else self._process.pid

    def submit(self, task: str, study: Any, model_id: str, options: Any) -> Job:
        """Queue a study; returns at once.

        task: the name of one of tasks.TASKS; study and options as its ``run`` takes them; the
        study's arrays must not change until the job is finished.
        """
        keep_transfer_folder(self._folder)
        self._count += 1
        request = (task, study, model_id, options, self._gpu_memory_gb())
        job = Job(self, self._count, pack(request, self._folder))
        self._jobs.append(job)
        return job

    def poll(self) -> None:
        """Start the process, pass arrays on, take messages in; never waits."""
        if self._process is not None and self._connection is None and self._lost_since is None:
            self._connect()
        self._receive()
        if self._process is not None and (
            self._process.poll() is not None or self._lost_for_good()
        ):
            self._receive()
            self._process_ended()
        if not self._jobs:
            return
        job = self._jobs[0]
        if job.cancel_time is not None and time.monotonic() > job.cancel_time + CANCEL_SECONDS:
            self._end_process()
            self._finish(job, "cancelled")
        elif self._process is None:
            self._start()
        elif self._connection is not None and not job.sent:
            self._pass_on(job)

    def cancel(self, job: Job) -> None:
        """Cancel a job; one that hasn't been sent ends at once."""
        if job.finished or job.cancel_time is not None:
            return
        if not job.sent:
            self._finish(job, "cancelled")
            return
        job.cancel_time = time.monotonic()
        self._send("cancel", job.number, "")

    def close(self) -> None:
        """End the process and forget all jobs; open ones become cancelled."""
        self._end_process()
        for job in list(self._jobs):
            self._finish(job, "cancelled")
        remove_transfer_folder(self._folder)

    def _start(self) -> None:
        keep_transfer_folder(self._folder)
        (self._folder / ADDRESS_FILE).unlink(missing_ok=True)
        self._key = secrets.token_bytes(32)
        root = Path(medai.__file__).absolute().parent.parent
        group: dict[str, Any] = (
            {"creationflags": 0x08000200}  # CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP
            if os.name == "nt"
            else {"start_new_session": True}
        )
        try:
            log = (self._folder / "log").open("wb")
            with log:
                self._process = subprocess.Popen(  # noqa: S603 (our own module, no shell)
                    [self._python, "-m", "medai.inference.worker.process"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    env=safe_environment([root]),
                    cwd=self._folder,
                    **group,
                )
            start = {
                "folder": str(self._folder),
                "key": self._key.hex(),
                "models": self._models,
                "idle_seconds": self._idle_seconds,
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(start).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            self._end_process()
            self._fail_all(f"The inference process can't start: {error.strerror}.")
        self._started = time.monotonic()

    def _connect(self) -> None:
        address_file = self._folder / ADDRESS_FILE
        if not address_file.exists():
            if time.monotonic() > self._started + _START_SECONDS:
                self._end_process()
                self._fail_all("The inference process did not start in two minutes: run again.")
            return
        address = json.loads(address_file.read_text(encoding="utf-8"))
        try:
            where = tuple(address) if isinstance(address, list) else address
            self._connection = Client(where, authkey=self._key)
        except (OSError, EOFError, AuthenticationError):
            self._end_process()

    def _pass_on(self, job: Job) -> None:
        assert job.message is not None
        try:
            if job.message.copy_some(_COPY_SECONDS):
                job.sent = True
                job.state = "running"
                job.progress = Progress(0.0, "starting")
                self._send("run", job.number, job.message.payload.hex())
        except OSError as error:
            self._finish(job, "failed", f"Can't pass the study on: {error.strerror}.")

    def _receive(self) -> None:
        try:
            while self._connection is not None and self._connection.poll():
                kind, number, payload = json.loads(self._connection.recv_bytes())
                for job in self._jobs[:1]:
                    if job.number == number:
                        self._take_in(job, kind, payload)
        except (EOFError, OSError, ValueError, TypeError):
            self._lose_connection()

    def _lose_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._lost_since = time.monotonic()

    def _lost_for_good(self) -> bool:
        # An ending process closes its connection a moment before its exit status is there.
        return self._lost_since is not None and time.monotonic() > self._lost_since + 1.0

    def _take_in(self, job: Job, kind: str, payload: Any) -> None:
        if kind == "progress":
            job.progress = Progress(float(payload[0]), str(payload[1]))
        elif kind == "done" and job.cancel_time is None:
            try:
                result, _ = unpack(bytes.fromhex(payload), self._folder, job.arrays)
            except WorkerError as error:
                self._finish(job, "failed", str(error))
            else:
                job.progress = Progress(1.0, "done")
                self._finish(job, "done", result=result)
        elif kind == "failed" and job.cancel_time is None:
            self._finish(job, "failed", str(payload))
        else:
            self._finish(job, "cancelled")

    def _process_ended(self) -> None:
        assert self._process is not None
        status = self._process.returncode if self._process.returncode is not None else 1
        sentence = _why_it_ended(status, self._last_log_line())
        self._end_process()
        for job in self._jobs[:1]:
            if job.cancel_time is not None:
                self._finish(job, "cancelled")
            elif job.sent or status != 0:
                self._finish(job, "failed", sentence)

    def _last_log_line(self) -> str:
        try:
            text = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        errors = [
            line
            for line in text.splitlines()
            if line.startswith(_FATAL) or ("Error" in line and line[:1] != " ")
        ]
        return errors[-1][:200] if errors else ""

    def _end_process(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._lost_since = None
        if self._process is None:
            return
        end_process_tree(self._process)
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                self._process.stdin = None
        self._process = None

    def _send(self, kind: str, number: int, payload: str) -> None:
        try:
            if self._connection is not None:
                self._connection.send_bytes(json.dumps([kind, number, payload]).encode())
        except OSError:
            self._lose_connection()

    def _finish(self, job: Job, state: str, error: str = "", result: Any = None) -> None:
        job.end(state, error=error, result=result)
        if job in self._jobs:
            self._jobs.remove(job)

    def _fail_all(self, error: str) -> None:
        for job in list(self._jobs):
            self._finish(job, "failed", error)


def end_process_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started, and wait until it is gone."""
    if os.name == "nt":
        subprocess.run(  # noqa: S603 (Windows' own program by its full path)
            [system_program("taskkill.exe"), "/F", "/T", "/PID", str(process.pid)],
            capture_output=True,
            check=False,
        )
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
    process.wait()


def _why_it_ended(status: int, last_error: str) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        if name == "SIGKILL":
            return _OUT_OF_MEMORY
        return (
            f"The inference process crashed ({name}): run again, or choose the CPU as device. "
            "Nothing in the scene was lost."
        )
    if last_error.startswith(_FATAL):
        return (
            f"The inference process crashed ({last_error[len(_FATAL) :].strip()}): run again, or "
            "choose the CPU as device. Nothing in the scene was lost."
        )
    if status == 1 and not last_error:
        # Slicer's launcher returns 1 for a process that a signal ended; an error would have left a
        # line in the log.
        return _OUT_OF_MEMORY
    why = f" ({last_error})" if last_error else ""
    return (
        f"The inference process ended before it had an answer{why}: run again. "
        "Nothing in the scene was lost."
    )
