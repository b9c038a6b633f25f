"""The inference process: keeps models loaded, runs one study at a time, ends with its parent.

Started by ``inference_worker`` as ``python -m medai.inference.worker.process``. The first line of
standard input says where to meet; the end of standard input means that the parent is gone.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from medai.errors import CancelledError, MedAIError
from medai.inference.running.gpu_memory import limit_gpu_memory
from medai.inference.worker.array_transfer import pack, unpack
from medai.models import Model, ModelStore
from medai.progress import Progress
from medai.tasks import part, task_named, with_models

ADDRESS_FILE = "address"
_LEAST_SECONDS_BETWEEN_REPORTS = 0.05


class WorkerProcess:
    """The side that computes."""

    def __init__(self, connection: Connection, folder: Path, models: ModelStore) -> None:
        self._connection, self._folder, self._models = connection, folder, models
        self._loaded: dict[str, Model] = {}
        self._cancelled: set[int] = set()
        self._requests: list[tuple[int, bytes]] = []
        self._arrived = threading.Condition()

    def listen(self) -> None:
        """Read messages until the parent is gone; runs in a thread of its own."""
        try:
            while True:
                kind, number, payload = json.loads(self._connection.recv_bytes())
                with self._arrived:
                    if kind == "cancel":
                        self._cancelled.add(number)
                    else:
                        self._requests.append((number, bytes.fromhex(payload)))
                    self._arrived.notify()
        except (EOFError, OSError, ValueError, TypeError):
            leave(self._folder)

    def serve(self, idle_seconds: float) -> None:
        """Answer requests in their order; return after ``idle_seconds`` without one."""
        while True:
            with self._arrived:
                if not self._arrived.wait_for(lambda: bool(self._requests), timeout=idle_seconds):
                    return
                number, payload = self._requests.pop(0)
            self._answer(number, payload)

    def _answer(self, number: int, payload: bytes) -> None:
        try:
            (task, study, model_id, options, gpu_memory_gb), arrays = unpack(payload, self._folder)
            limit_gpu_memory(gpu_memory_gb)
            asked = task_named(task)
            result = part(asked.run)(
                study,
                self._model(model_id, task) if asked.needs_model else None,
                with_models(asked, options, self._model),
                self._reporter(number),
                lambda: number in self._cancelled,
            )
            message = pack(result, self._folder, {id(a): name for name, a in arrays.items()})
            while not message.copy_some(1.0):
                pass
            self._send("done", number, message.payload.hex())
        except CancelledError:
            self._send("cancelled", number, "")
        except MedAIError as error:
            self._send("failed", number, str(error))
        except MemoryError:
            self._send("failed", number, "Not enough memory for this study: close other programs.")
        except OSError as error:
            self._send("failed", number, f"Can't pass the result on: {error.strerror}.")
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            self._send("failed", number, f"Defect in MedAI, please report it: {text}")

    def _model(self, model_id: str, task: str) -> Model:
        if model_id not in self._loaded:
            self._loaded[model_id] = self._models.load(model_id, task=task)
        return self._loaded[model_id]

    def _reporter(self, number: int) -> Callable[[Progress], None]:
        last = [0.0]

        def report(progress: Progress) -> None:
            now = time.monotonic()
            if now - last[0] >= _LEAST_SECONDS_BETWEEN_REPORTS or progress.fraction >= 1.0:
                last[0] = now
                self._send("progress", number, [progress.fraction, progress.message])

        return report

    def _send(self, kind: str, number: int, payload: Any) -> None:
        self._connection.send_bytes(json.dumps([kind, number, payload]).encode())


def leave(folder: Path) -> None:
    """End the process at once, also from a thread; nobody is left to tell."""
    # Windows removes no folder that a process works in.
    os.chdir(folder.anchor)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Meet the parent and serve."""
    faulthandler.enable()
    start = json.loads(sys.stdin.readline())
    folder = Path(start["folder"])

    def watch_parent() -> None:
        sys.stdin.read()
        leave(folder)

    threading.Thread(target=watch_parent, daemon=True).start()
    # On Windows the system names the pipe; elsewhere the socket lies in the private folder.
    where = None if os.name == "nt" else str(folder / f"socket-{os.getpid()}")
    with Listener(where, authkey=bytes.fromhex(start["key"])) as listener:
        meeting = folder / (ADDRESS_FILE + ".new")
        meeting.write_text(json.dumps(listener.address), encoding="utf-8")
        meeting.replace(folder / ADDRESS_FILE)
        with listener.accept() as connection:
            folders = start["models"]
            store = ModelStore(None if folders is None else [Path(f) for f in folders])
            process = WorkerProcess(connection, folder, store)
            threading.Thread(target=process.listen, daemon=True).start()
            process.serve(start["idle_seconds"])
    # Daemon threads may be inside a read; the interpreter must not wait for them. The folder
    # stays: the parent may be writing the next study into it.
    os._exit(0)


if __name__ == "__main__":
    main()
