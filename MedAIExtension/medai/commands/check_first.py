"""What a command checks before it reads a study or loads a library that takes seconds."""

from __future__ import annotations

from medai.errors import InputError, MissingDependencyError, ModelTaskError
from medai.tasks import Task


def require_model(task: Task, model: str | None) -> None:
    """Check that the model that was named, or else the recommended one, can be loaded for the task.

    Its card is read and its weights' SHA-256 compared. Raises InputError for a task that takes
    none, ModelTaskError, and as ModelStore.verify.
    """
    if task.needs_model:
        require_model_for(task.name, model)
    elif model is not None:
        raise InputError(f"--model was given, but {task.command} uses none.")


def require_model_for(task: str, model: str | None) -> None:
    """Check a model, or the recommended one, for a task's name. Raises as ``require_model``."""
    from medai.models import ModelStore

    store = ModelStore()
    card = store.recommended(task) if model is None else store.card(model)
    if card.task != task:
        raise ModelTaskError(f"{model} is a model for {card.task}, expected a model for {task}.")
    store.verify(card.id)


def require_device(device: str) -> None:
    """Check that ``--device cuda`` can be met. Raises MissingDependencyError."""
    from medai.inference.running.gpu_driver import gpu_possible

    if device == "cuda" and not gpu_possible():
        raise MissingDependencyError(
            "Device is 'cuda', but this machine shows no usable GPU: choose 'auto' or 'cpu'."
        )
