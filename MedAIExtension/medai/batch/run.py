"""A whole batch: its output folder, its studies, its two tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import medai
from medai.batch.outcome import Outcome, StudyRequest
from medai.batch.result_rows import columns_of
from medai.batch.study_list import ListedStudy
from medai.csv_text import csv_text
from medai.errors import OutputError
from medai.file_lock import hold_lock
from medai.output import output_error, write_text
from medai.progress import Progress, ProgressCallback
from medai.reports.json_text import json_text

BATCH_FILE = "batch.json"
LOCK_FILE = ".lock"
STUDIES_FOLDER = "studies"
RESULTS_FILE, FAILURES_FILE = "results.csv", "failures.csv"

# Takes the requests, yields outcomes in any order.
Runner = Callable[[Sequence[StudyRequest]], Iterator[Outcome]]


@dataclass(frozen=True)
class Batch:
    """What is asked of all studies. output: the batch's folder, new or of an earlier such run."""

    task: str
    output: Path
    model: str | None = None
    device: str = "auto"
    overwrite: bool = False
    gpu_memory_gb: float | None = None


def run_batch(
    batch: Batch, studies: Sequence[ListedStudy], run: Runner, progress: ProgressCallback
) -> tuple[Outcome, ...]:
    """Run every study and write results.csv and failures.csv; return outcomes in the list's order.

    Each study's results appear whole in ``studies/<name>``; after a kill the same call goes on
    where it was, and ends with the same bytes. Raises OutputError when the folder isn't such a
    batch's, can't be written, or another run is at work in it.
    """
    with _only_one(batch.output):
        _open_output(batch)
        requests = [_request(batch, study) for study in studies]
        outcomes: list[Outcome] = []
        progress(Progress(0.0, f"0 of {len(requests)} studies"))
        try:
            for outcome in run(requests):
                outcomes.append(outcome)
                bad = sum(o.state == "failed" for o in outcomes)
                words = f"{len(outcomes)} of {len(requests)} studies"
                words += f", {bad} failed" if bad else ""
                progress(Progress(len(outcomes) / len(requests), words))
        finally:
            _remove_unfinished(batch.output)
        outcomes.sort(key=lambda outcome: outcome.number)
        _write_tables(batch, outcomes)
    return tuple(outcomes)


def _request(batch: Batch, study: ListedStudy) -> StudyRequest:
    options = dict(study.options)
    if batch.model is not None:
        options.setdefault("model", batch.model)
    return StudyRequest(
        number=study.number,
        name=study.name,
        task=batch.task,
        study=study.study,
        options=options,
        folder=batch.output.resolve() / STUDIES_FOLDER / study.name,
        device=batch.device,
        gpu_memory_gb=batch.gpu_memory_gb,
        overwrite=batch.overwrite,
        version=medai.__version__,
    )


def _open_output(batch: Batch) -> None:
    file = batch.output / BATCH_FILE
    words = {"task": batch.task, "format": 1}
    try:
        if not file.exists():
            if any(entry.name != LOCK_FILE for entry in batch.output.iterdir()):
                raise OutputError(
                    f"{batch.output} holds files that are no batch's: choose another folder."
                )
            write_text(file, json_text(words) + "\n")
        elif json.loads(file.read_text(encoding="utf-8")) != words:
            raise OutputError(
                f"{batch.output} holds a batch of another task, expected {batch.task}: "
                "choose another folder."
            )
        _remove_unfinished(batch.output)
    except OSError as error:
        raise output_error(batch.output, error) from error
    except ValueError as error:
        raise OutputError(f"{file} is damaged: choose another folder.") from error


def _remove_unfinished(output: Path) -> None:
    """Remove what a process was just writing when it was killed.

    On a cluster it may be writing still: the folder is moved first, so that it is gone at once.
    """
    for left in (*output.glob(".writing-*"), *(output / STUDIES_FOLDER).glob(".writing-*")):
        moved = output / f".removed-{left.name}"
        with suppress(FileNotFoundError):
            left.rename(moved)
    for moved in output.glob(".removed-*"):
        if moved.is_dir():
            shutil.rmtree(moved, ignore_errors=True)
        else:
            moved.unlink(missing_ok=True)


def _write_tables(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    rows = [row for outcome in outcomes for row in outcome.rows]
    write_text(batch.output / RESULTS_FILE, csv_text(columns_of(batch.task), rows), overwrite=True)
    failures = [(o.number, o.name, o.reason) for o in outcomes if o.state == "failed"]
    write_text(
        batch.output / FAILURES_FILE,
        csv_text(("number", "name", "reason"), failures),
        overwrite=True,
    )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go of when the process ends, however it does.

    Raises OutputError when another run holds it.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(hold_lock(folder / LOCK_FILE))
        except BlockingIOError:
            raise OutputError(
                f"Another run is writing into {folder}: wait for it, or choose another folder."
            ) from None
        except OSError as error:
            raise output_error(folder, error) from error
        yield
