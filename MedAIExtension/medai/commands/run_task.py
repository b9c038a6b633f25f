"""What every command that runs a task does: a new folder, the model, the run, files, answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medai.commands.check_first import remind_of_terms, require_device, require_model
from medai.commands.console import print_answer, print_warning, running
from medai.progress import share_of
from medai.tasks import Task, part, task_named, with_models

if TYPE_CHECKING:
    from medai.models import ModelCard


@dataclass(frozen=True)
class Answer:
    """What a command prints: the sentence, or with ``--json`` the summary."""

    sentence: str
    summary: dict[str, Any]


@dataclass(frozen=True)
class Output:
    """Where the results go, and how the answer is printed."""

    folder: Path
    overwrite: bool
    as_json: bool


def run_task(
    name: str,
    studies: Iterable[Callable[[], Any]],
    options: Any,
    output: Output,
    *,
    model: str | None = None,
    gpu_memory_gb: float | None = None,
    device: str = "auto",
    accepts_terms: bool = False,
    with_files: Callable[[Any], Any] | None = None,
    write: Callable[[Sequence[Any], Path], Answer] | None = None,
) -> None:
    """Run a task on each study, write the results into a new folder, print notes and answer.

    What can be wrong is found in order of cost: options and cards before any study is read, a
    study before PyTorch is loaded.

    name: of tasks.TASKS. studies: each reads one. options: what the task's ``run`` takes.
    with_files: reads the further files that the options name, once the first study is read.
    model: an id; None: the recommended one. accepts_terms: ``heed_terms``'s ``accepts``. write:
    writes all results; default: the files of the one study.
    Raises the typed errors of output, reading, models and inference.
    """
    from medai.inference.running.gpu_memory import limit_gpu_memory
    from medai.output import atomic_folder

    task = task_named(name)
    require_model(task, model, accepts_terms=accepts_terms)
    require_device(device)
    limit_gpu_memory(gpu_memory_gb)
    reads = list(studies)
    results: list[Any] = []
    models: tuple[Any, Any] | None = None
    # The folder is tried first, so that nobody waits for a network and then can't save.
    with (
        atomic_folder(output.folder, overwrite=output.overwrite) as folder,
        running("Reading") as (progress, cancelled),
    ):
        for number, read in enumerate(reads):
            study = read()
            # Loaded once, and only when there is something to run them on.
            models = models or _loaded(task, model, with_files(options) if with_files else options)
            share = share_of(progress, number, len(reads))
            results.append(part(task.run)(study, *models, share, cancelled))
        answer = (write or write_one(task))(results, folder)
    for note in (note for result in results for note in result.notes):
        print_warning(note)
    if models is not None:
        remind_of_terms(_cards_used(task, *models))
    print_answer(answer.sentence, answer.summary, as_json=output.as_json)


def write_one(task: Task) -> Callable[[Sequence[Any], Path], Answer]:
    """What writes the files of one study's result."""

    def write(results: Sequence[Any], folder: Path) -> Answer:
        from medai.reports.write import write_files

        (result,) = results
        write_files(result, folder)
        return Answer(result.sentence, part(task.summary)(result))

    return write


def _cards_used(task: Task, model: Any, options: Any) -> list[ModelCard]:
    """Of the model and of those that the options name."""
    named = [getattr(options, name) for name in task.option_models]
    return [each.card for each in (model, *named) if each is not None]


def _loaded(task: Task, model: str | None, options: Any) -> tuple[Any, Any]:
    """The model, where the task needs one, and the options with the models they name."""
    from medai.models import ModelStore

    if not task.needs_model:
        return None, options
    store = ModelStore()
    loaded = store.load(model, task=task.name)
    return loaded, with_models(task, options, lambda own, kind: store.load(own, task=kind))
