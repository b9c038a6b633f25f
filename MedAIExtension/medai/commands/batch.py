"""``medai batch``: a list of studies in; each study's results, and two tables, out."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medai.commands.check_first import (
    remind_of_terms,
    require_device,
    require_model,
    require_model_for,
)
from medai.commands.console import print_answer, print_warning, running
from medai.commands.network_options import (
    AcceptOption,
    DeviceChoice,
    DeviceOption,
    GpuMemoryOption,
    ModelOption,
)
from medai.commands.options import JsonOption, OverwriteOption
from medai.errors import InputError
from medai.tasks import TASKS, task_of_command

if TYPE_CHECKING:
    from medai.batch.run import Runner
    from medai.cancellation import CancelCallback


# What is done with each study; the commands' names.
_CHOICES = ", ".join(task.command for task in TASKS)
TaskChoice = StrEnum("TaskChoice", {task.command.upper(): task.command for task in TASKS})  # type: ignore[misc]


def batch(
    studies: Annotated[
        Path,
        typer.Argument(
            metavar="LIST.csv", help="A row a study: study, and if wanted name, model, series, …"
        ),
    ],
    task: Annotated[
        TaskChoice, typer.Option("--task", metavar="TASK", help=f"For each study: {_CHOICES}.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder of the batch; given again, the run goes on."),
    ],
    model: ModelOption = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes on this machine; default: what fits."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Run on this Dask cluster, such as tls://host:8786."),
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            "--certificates", help="Folder with ca.pem, cert.pem and key.pem for a tls:// cluster."
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Take a tcp:// cluster on another machine: whoever reaches it runs programs on "
            "its workers and here.",
        ),
    ] = False,
    jobqueue: Annotated[
        Path | None,
        typer.Option("--jobqueue", help="Run on Slurm or alike: a dask-jobqueue TOML file."),
    ] = None,
    device: DeviceOption = DeviceChoice.AUTO,
    gpu_memory_gb: GpuMemoryOption = None,
    accept_licence: AcceptOption = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run one task on many studies; what is finished already is checked and kept.

    results.csv has the figures, failures.csv a reason for each study that failed. Ends with status
    2 when any failed; run the same command again to do only those.
    """
    from medai.batch import Batch, read_list, run_batch
    from medai.inference.running.gpu_memory import limit_gpu_memory

    # Said once here rather than for each study.
    chosen = task_of_command(task.value)
    cards = [require_model(chosen, model, accepts_terms=accept_licence)]
    cards += [
        require_model_for(other, None, accepts_terms=accept_licence)
        for other in chosen.option_models.values()
    ]
    if scheduler is None and jobqueue is None:
        require_device(device.value)
    limit_gpu_memory(gpu_memory_gb)
    listed = read_list(studies, task.value)
    asked = Batch(task.value, output, model, device.value, overwrite, gpu_memory_gb)
    with ExitStack() as stack:
        progress, cancelled = stack.enter_context(running("Starting"))
        client = _cluster(stack, workers, scheduler, jobqueue, certificates, insecure)
        run = _runner(client, workers, device.value, cancelled)
        outcomes = run_batch(asked, listed, run, progress)
    remind_of_terms(card for card in cards if card is not None)
    count = {state: sum(o.state == state for o in outcomes) for state in ("done", "kept", "failed")}
    sentence = (
        f"{count['done']} of {len(outcomes)} studies done, {count['kept']} done before, "
        f"{count['failed']} failed."
    )
    summary = {
        "task": task.value,
        "studies": len(outcomes),
        **count,
        "failures": [
            {"number": o.number, "name": o.name, "reason": o.reason}
            for o in outcomes
            if o.state == "failed"
        ],
        "use": "research only",
    }
    print_answer(sentence, summary, as_json=as_json)
    if count["failed"]:
        print_warning(f"{output / 'failures.csv'} says why; run the same again to do only those.")
        raise typer.Exit(2)


def _cluster(
    stack: ExitStack,
    workers: int | None,
    scheduler: str | None,
    jobqueue: Path | None,
    certificates: Path | None,
    insecure: bool,
) -> Any:
    """The Dask client that was asked for, None for this machine's processes."""
    if sum(choice is not None for choice in (workers, scheduler, jobqueue)) > 1:
        raise InputError("Give one of --workers, --scheduler and --jobqueue.")
    if scheduler is None and (insecure or certificates is not None):
        raise InputError("--certificates and --insecure belong to --scheduler, which is not given.")
    from medai.batch.cluster import queue_client, scheduler_client

    if scheduler is not None:
        return stack.enter_context(
            scheduler_client(scheduler, certificates=certificates, insecure=insecure)
        )
    return None if jobqueue is None else stack.enter_context(queue_client(jobqueue))


def _runner(client: Any, workers: int | None, device: str, cancelled: CancelCallback) -> Runner:
    if client is None:
        from medai.batch.processes import run_in_processes, usual_workers

        count = workers or usual_workers(device)
        return lambda requests: run_in_processes(requests, count, cancelled)
    from medai.batch.cluster import run_on_cluster

    return lambda requests: run_on_cluster(requests, client, cancelled)
