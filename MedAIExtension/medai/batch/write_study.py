"""One study of a batch: read, run, write; the same files as its own command's.

Only the scene file is left out: it takes longer than the rest and can be made from the others.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from medai.batch.outcome import StudyRequest
from medai.cancellation import never_cancelled
from medai.progress import ignore_progress
from medai.reports.write import write_files
from medai.tasks import Task, part, task_of_command, with_models

if TYPE_CHECKING:
    from medai.models import Model, ModelCard


def write_study(request: StudyRequest, folder: Path) -> None:
    """Run ``request`` and write its results into ``folder``, which exists.

    Raises the typed errors of reading, models and inference.
    """
    task = task_of_command(request.task)
    study, options = part(task.read)(request.study, request.options, request.name, request.device)
    model = _loaded(_model_id(request, task), task.name) if task.needs_model else None
    options = with_models(task, options, _loaded)
    write_files(part(task.run)(study, model, options, ignore_progress, never_cancelled), folder)


def cards_of(request: StudyRequest) -> list[ModelCard]:
    """The cards of all models that a request uses. Raises as ModelStore.card."""
    from medai.models import ModelStore

    task = task_of_command(request.task)
    if not task.needs_model:
        return []
    store = ModelStore()
    cards = [store.card(_model_id(request, task))]
    cards += [store.recommended(model_task) for model_task in task.option_models.values()]
    members = [m for card in cards if card.ensemble for m in card.ensemble.members]
    return cards + [store.card(member) for member in members]


def _model_id(request: StudyRequest, task: Task) -> str:
    from medai.models import ModelStore

    return request.options.get("model") or ModelStore().recommended(task.name).id


@cache
def _loaded(model_id: str, task: str) -> Model:
    from medai.models import ModelStore

    return ModelStore().load(model_id, task=task)
