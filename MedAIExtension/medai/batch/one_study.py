"""One study of a batch, in whatever process it runs: kept, done, or failed with a reason."""

from __future__ import annotations

import threading
from pathlib import Path

import medai
from medai.batch.finished import input_words, request_hash, state_of, with_manifest
from medai.batch.outcome import Outcome, StudyRequest
from medai.batch.result_rows import rows_of
from medai.batch.write_study import cards_of, write_study
from medai.errors import InputError, MedAIError, OutputError, WorkerError
from medai.images.output_names import without_identifying
from medai.inference.running.gpu_memory import limit_gpu_memory
from medai.output import atomic_folder
from medai.plain_text import one_line
from medai.tasks import task_of_command

# A cluster's worker may have several threads; the networks and caches are one process' own.
_ONE_AT_A_TIME = threading.Lock()


def run_study(request: StudyRequest) -> Outcome:
    """Do one study unless its whole results are there; never raises for a bad study."""
    with _ONE_AT_A_TIME:
        try:
            return _run(request)
        except MedAIError as error:
            reason = str(error)
        except MemoryError:
            reason = "Not enough memory for this study on this machine."
        except OSError as error:
            reason = f"{error.strerror or type(error).__name__}: {error.filename or 'a file'}."
        except Exception as error:
            reason = f"Defect in MedAI, please report it: {type(error).__name__}: {error}"
    return failed(request, reason)


def failed(request: StudyRequest, reason: str) -> Outcome:
    """The outcome of a study that can't be done, its reason in one line.

    The study is called by its name in the list: its path may tell who the patient is.
    """
    for column in task_of_command(request.task).path_columns:
        if column in request.options:
            path = Path(request.options[column])
            called = f"{column} of {request.name}"
            reason = without_identifying(reason, path, called, request.folder)
    reason = without_identifying(reason, request.study, request.name, request.folder)
    return Outcome(request.number, request.name, "failed", one_line(reason))


def _run(request: StudyRequest) -> Outcome:
    if request.version != medai.__version__:
        raise WorkerError(
            f"This machine has MedAI {medai.__version__}, the batch was started by "
            f"{request.version}: install the same."
        )
    if not request.study.exists():
        raise InputError(f"{request.study} doesn't exist.")
    asked = _fingerprint(request)
    found = state_of(request.folder, asked)
    if found == "whole":
        return Outcome(request.number, request.name, "kept", rows=_rows(request))
    if found == "other" and not request.overwrite:
        raise OutputError(
            f"{request.folder.name} holds results of another input, model, option or version: "
            "choose another output folder or allow overwriting (--overwrite)."
        )
    try:
        with (
            atomic_folder(request.folder, overwrite=True) as folder,
            with_manifest(folder, asked),
        ):
            limit_gpu_memory(request.gpu_memory_gb)
            write_study(request, folder)
    except OutputError:
        # What a killed batch left running on a cluster may have written the same just now.
        if state_of(request.folder, asked) != "whole":
            raise
    return Outcome(request.number, request.name, "done", rows=_rows(request))


def _fingerprint(request: StudyRequest) -> str:
    columns = task_of_command(request.task).path_columns
    said = [Path(request.options[column]) for column in columns if column in request.options]
    return request_hash(
        {
            "task": request.task,
            "inputs": [input_words(path) for path in (request.study, *said)],
            "options": request.options,
            "models": [card.text for card in cards_of(request)],
            "version": request.version,
        }
    )


def _rows(request: StudyRequest) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (request.number, request.name, *row) for row in rows_of(request.task, request.folder)
    )
