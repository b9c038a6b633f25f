"""Studies on a Dask cluster: a running scheduler, or one that a job queue starts."""

from __future__ import annotations

import ipaddress
import queue
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medai.batch.one_study import failed, run_study
from medai.batch.outcome import Outcome, StudyRequest
from medai.cancellation import CancelCallback
from medai.errors import CancelledError, InputError, MissingDependencyError, WorkerError
from medai.resources import user_folder

_LOOK_SECONDS = 0.2
_CONNECT_SECONDS = 30
_CERTIFICATE_FILES = ("ca.pem", "cert.pem", "key.pem")


@contextmanager
def scheduler_client(
    address: str, *, certificates: Path | None = None, insecure: bool = False
) -> Iterator[Any]:
    """Connect to a running Dask scheduler (``tls://host:8786``).

    certificates: folder with ca.pem, cert.pem and key.pem, for ``tls://``.
    insecure: also take ``tcp://`` beyond this machine, where anybody on the network who reaches
        the scheduler can run programs on its workers and on this machine.

    Raises MissingDependencyError without dask, InputError when nobody answers there, or the
    address is not protected.
    """
    distributed = _imported("distributed")
    security = _security(distributed, address, certificates, insecure)
    try:
        client = distributed.Client(
            address, timeout=_CONNECT_SECONDS, set_as_default=False, security=security
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address}, expected an address like tls://host:8786, "
            "and certificates that it knows."
        ) from error
    with client:
        yield client


@contextmanager
def queue_client(config: Path) -> Iterator[Any]:
    """Start a Dask cluster through a job queue, as ``config`` says, and connect to it over TLS.

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
        cluster = getattr(jobqueue, name)(**_protected(arguments))
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


def _protected(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with what makes a queue's workers safe where the user said nothing else.

    Their Python imports nothing from the folder it starts in, and they take work only over TLS,
    with certificates made for this one run.
    """
    usual: dict[str, Any] = {"python": f"{shlex.quote(sys.executable)} -P"}
    if not arguments.keys() & {"protocol", "security"}:
        folder = user_folder() / "Cluster"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        usual |= {"security": True, "shared_temp_directory": str(folder)}
    return usual | arguments


def _security(distributed: Any, address: str, certificates: Path | None, insecure: bool) -> Any:
    """What a client needs for ``address``. Raises InputError for one that strangers could use."""
    scheme, host = _parts(address)
    if scheme == "tls":
        if certificates is None:
            raise InputError(
                f"{address} needs --certificates, a folder with {', '.join(_CERTIFICATE_FILES)}."
            )
        files = [certificates / name for name in _CERTIFICATE_FILES]
        for file in files:
            if not file.is_file():
                raise InputError(f"--certificates: {file} doesn't exist.")
        authority, certificate, key = map(str, files)
        return distributed.Security(
            tls_ca_file=authority,
            tls_client_cert=certificate,
            tls_client_key=key,
            require_encryption=True,
        )
    if certificates is not None:
        raise InputError(f"--certificates are for tls:// addresses, the scheduler is {address}.")
    if not insecure and not _is_this_machine(host):
        raise InputError(
            f"{address} is neither encrypted nor checked: whoever reaches a scheduler over tcp:// "
            "runs programs on its workers and on this machine. Use tls:// with --certificates, or "
            "--insecure on a network that you trust."
        )
    return None


def _parts(address: str) -> tuple[str, str]:
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "tcp", address
    host = rest.rpartition(":")[0] or rest
    if scheme not in ("tcp", "tls") or not host:
        raise InputError(f"--scheduler is {address!r}, expected an address like tls://host:8786.")
    return scheme, host.strip("[]")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _imported(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{name.replace('_', '-')} is not installed, which a cluster needs: "
            "pip install 'medai[cluster]'."
        ) from error
