"""Studies on a Dask cluster: a running scheduler, or one that a job queue starts."""

from __future__ import annotations

import queue
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medai.batch.one_study import failed, run_study
from medai.batch.outcome import Outcome, StudyRequest
from medai.errors import CancelledError, InputError, MissingDependencyError, WorkerError
from medai.progress import CancelCallback

_LOOK_SECONDS = 0.2
_CONNECT_SECONDS = 30


@contextmanager
def scheduler_client(address: str) -> Iterator[Any]:
    """Connect to a running Dask scheduler (``tcp://host:8786``).

    Raises MissingDependencyError without dask, InputError when nobody answers there.
    """
    distributed = _imported("distributed")
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address}, expected an address like tcp://host:8786."
        ) from error
    with client:
        yield client


@contextmanager
def queue_client(config: Path) -> Iterator[Any]:
    """Start a Dask cluster through a job queue, as ``config`` says, and connect to it.

    config: TOML with ``cluster`` (SLURMCluster, PBSCluster, … of dask-jobqueue), ``jobs`` (how
        many), and ``[arguments]`` that are handed to it (queue, cores, memory, walltime, …).

    Raises MissingDependencyError without dask-jobqueue, InputError for a configuration that is
    damaged or not taken.
    """
    name, jobs, arguments = _read_config(config)
    jobqueue, distributed = _imported("dask_jobqueue"), _imported("distributed")
    known = [n for n in dir(jobqueue) if n.endswith("Cluster") and n != "JobQueueCluster"]
    if name not in known:
        raise InputError(f"{config.name}: cluster is {name!r}, expected {', '.join(known)}.")
    try:
        cluster = getattr(jobqueue, name)(**arguments)
        cluster.scale(jobs=jobs)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise InputError(f"{config.name}: {name} doesn't take this: {error}.") from error
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


def run_on_cluster(
    requests: Sequence[StudyRequest], client: Any, cancelled: CancelCallback
) -> Iterator[Outcome]:
    """Yield each study's outcome as it comes, in any order.

    List, studies, models and output must lie where all workers see them. Raises CancelledError,
    and WorkerError when the scheduler is gone.
    """
    futures = dict(zip(client.map(run_study, requests, pure=False), requests, strict=True))
    arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for future in futures:
        future.add_done_callback(arrived.put)
    while futures:
        if cancelled():
            client.cancel(list(futures))
            raise CancelledError
        try:
            future = arrived.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if client.status not in ("running", "connecting"):
                raise WorkerError(
                    "The Dask scheduler is gone: start it and run the same command again."
                ) from None
            continue
        yield _outcome(future, futures.pop(future))


def _outcome(future: Any, request: StudyRequest) -> Outcome:
    if future.status == "finished":
        return future.result()
    if future.status == "cancelled":
        raise WorkerError("The Dask scheduler lost the studies: run the same command again.")
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return failed(request, "Its workers died again and again, most likely out of memory.")
    return failed(request, f"The cluster can't run it: {type(error).__name__}: {error}")


def _read_config(config: Path) -> tuple[str, int, dict[str, Any]]:
    try:
        tables = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Can't read {config}: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{config.name} is not TOML: {error}.") from error
    name, jobs = tables.pop("cluster", None), tables.pop("jobs", None)
    arguments = tables.pop("arguments", {})
    fits = isinstance(name, str) and type(jobs) is int and jobs > 0 and isinstance(arguments, dict)
    if not fits or tables:
        raise InputError(
            f"{config.name}: expected cluster (a name), jobs (1 or more) and [arguments], "
            f"nothing else{'; found ' + ', '.join(tables) if tables else ''}."
        )
    return str(name), int(jobs), arguments


def _imported(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{name.replace('_', '-')} is not installed, which a cluster needs: "
            "pip install 'medai[cluster]'."
        ) from error
