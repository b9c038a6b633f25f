"""What a command checks before it reads a study or loads a library that takes seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medai.errors import InputError, MissingDependencyError, ModelTaskError, ModelTermsError
from medai.tasks import Task

if TYPE_CHECKING:
    from medai.models import ModelCard


def require_model(
    task: Task, model: str | None, *, accepts_terms: bool = False
) -> ModelCard | None:
    """Check that the model that was named, or else the recommended one, can be loaded for the task.

    Returns its card, None for a task that takes no model. The weights' SHA-256 is compared, and the
    terms are heeded (``heed_terms``).
    Raises InputError for a task that takes none, ModelTaskError, and as ModelStore.verify.
    """
    if task.needs_model:
        return require_model_for(task.name, model, accepts_terms=accepts_terms)
    if model is not None:
        raise InputError(f"--model was given, but {task.command} uses none.")
    return None


def require_model_for(task: str, model: str | None, *, accepts_terms: bool = False) -> ModelCard:
    """As ``require_model``, for a task's name."""
    from medai.models import ModelStore

    store = ModelStore()
    card = store.recommended(task) if model is None else store.card(model)
    if card.task != task:
        raise ModelTaskError(f"{model} is a model for {card.task}, expected a model for {task}.")
    store.verify(card.id)
    heed_terms(card, accepts=accepts_terms)
    return card


def heed_terms(card: ModelCard, *, accepts: bool) -> None:
    """Refuse a model whose terms have changed since they were accepted.

    accepts: record now that the user has read and accepts them. Raises ModelTermsError, OutputError
    when the record can't be written.
    """
    from medai.models.terms import CHANGED, OPEN, acceptance_of, record_acceptance

    state = acceptance_of(card)
    if accepts and state in (OPEN, CHANGED):
        record_acceptance(card)
    elif state == CHANGED:
        raise ModelTermsError(
            f"The terms of {card.id} have changed since you accepted them ({_terms(card)}). Read "
            f"them (medai models show {card.id}) and accept them: {_ways(card)}."
        )


def remind_of_terms(cards: Iterable[ModelCard]) -> None:
    """Say the terms of models with restricted use, one line each, until they are accepted."""
    from medai.commands.console import print_warning
    from medai.models.terms import OPEN, acceptance_of

    for card in cards:
        if acceptance_of(card) == OPEN:
            print_warning(
                f"{card.id} may not be used commercially ({_terms(card)}). Read its terms (medai "
                f"models show {card.id}) and record that you accept them, then this line goes: "
                f"{_ways(card)}."
            )


def _terms(card: ModelCard) -> str:
    return f"weights: {card.licence.weights}; data: {card.licence.data}"


def _ways(card: ModelCard) -> str:
    return f"medai models accept {card.id}, or --accept-licence"


def require_device(device: str) -> None:
    """Check that ``--device cuda`` can be met. Raises MissingDependencyError."""
    from medai.inference.running.gpu_driver import gpu_possible

    if device == "cuda" and not gpu_possible():
        raise MissingDependencyError(
            "Device is 'cuda', but this machine shows no usable GPU: choose 'auto' or 'cpu'."
        )
