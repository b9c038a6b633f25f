"""Where models are kept: found, verified, loaded, added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medai.errors import (
    ModelCardError,
    ModelError,
    ModelNotFoundError,
    ModelTaskError,
)
from medai.models.card import CARD_FILE, TASK_NETWORKS, ModelCard, read_card
from medai.models.fitness import WITHDRAWN
from medai.models.model import Model
from medai.models.weights import network_with_weights, read_verified, read_weights
from medai.output import atomic_folder
from medai.resources import resources_folder, user_folder

if TYPE_CHECKING:
    from torch import Tensor


def own_models_folder() -> Path:
    """Where models that the user adds are kept; not made here."""
    return user_folder() / "Models"


class ModelStore:
    """Model folders under one or more parents; by default the shipped ones and the user's own.

    Where two parents hold the same id, the first one's counts.
    """

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self._folders = (
            (resources_folder() / "Models", own_models_folder())
            if folders is None
            else tuple(Path(folder) for folder in folders)
        )

    def cards(self, task: str | None = None) -> tuple[ModelCard, ...]:
        """The readable cards (of one task), recommended first, then by name, withdrawn ones last;
        see ``broken``.

        Parts of an ensemble are left out: the ensemble stands for them.
        """
        cards = []
        for folder in self._model_folders():
            try:
                cards.append(self._read(folder))
            except ModelError:
                continue
        chosen = [card for card in cards if task in (None, card.task) and card.part_of is None]
        return tuple(
            sorted(
                chosen,
                key=lambda card: (
                    card.fitness == WITHDRAWN,
                    not card.recommended,
                    card.name,
                    card.id,
                ),
            )
        )

    def broken(self) -> dict[str, str]:
        """Folders whose card can't be read, and why."""
        reasons = {}
        for folder in self._model_folders():
            try:
                self._read(folder)
            except ModelError as error:
                reasons[folder.name] = str(error)
        return reasons

    def card(self, model_id: str) -> ModelCard:
        """One card. Raises ModelNotFoundError (naming the models there are), ModelCardError."""
        return self._read(self.folder(model_id))

    def folder(self, model_id: str) -> Path:
        """The folder of one model. Raises ModelNotFoundError."""
        for folder in self._model_folders():
            if folder.name == model_id:
                return folder
        known = ", ".join(sorted(card.id for card in self.cards())) or "none"
        raise ModelNotFoundError(f"No model named {model_id!r}; there are: {known}.")

    def recommended(self, task: str) -> ModelCard:
        """The card to start with, never a withdrawn one.

        Raises ModelNotFoundError when the task has no model, or withdrawn ones alone.
        """
        cards = self.cards(task)
        if not cards:
            tasks = ", ".join(TASK_NETWORKS)
            raise ModelNotFoundError(f"No model for the task {task!r} (tasks: {tasks}).")
        if cards[0].fitness == WITHDRAWN:
            names = ", ".join(card.id for card in cards)
            raise ModelNotFoundError(
                f"Every model for the task {task!r} is withdrawn ({names}); expected one that is "
                "fit for use, or a model chosen by its id."
            )
        return cards[0]

    def load(self, model_id: str | None = None, task: str | None = None) -> Model:
        """Verify and load a model, an ensemble's members included.

        model_id: None is the recommended model for ``task``. Raises ModelNotFoundError,
        ModelCardError, ModelTaskError (not a model for ``task``), ModelHashError,
        UnsafeWeightsError, ModelShapeError, MissingDependencyError (no torch).
        """
        folder = self.folder(self.recommended(task or "").id if model_id is None else model_id)
        card = self._read(folder)
        if task not in (None, card.task):
            raise ModelTaskError(
                f"{card.id} is a model for {card.task}, expected a model for {task}."
            )
        if card.ensemble is None:
            return self._load_single(card, folder)
        members = tuple(self._member(card, member) for member in card.ensemble.members)
        if len({member.classes for member in members}) > 1:
            raise ModelCardError(f"Card of {card.id}: its members have different classes.")
        return Model(card, None, members)

    def verify(self, model_id: str) -> None:
        """Check card and weights' SHA-256, without loading. Raises as ``load``."""
        folder = self.folder(model_id)
        card = self._read(folder)
        if card.weights is not None:
            read_verified(folder / card.weights.file, card.weights.sha256)
            base = self._base(card)
            if base is not None:
                read_verified(*base)
        for member in card.ensemble.members if card.ensemble else ():
            self.verify(member)

    def add(self, weights_path: Path | None, card_path: Path) -> ModelCard:
        """Copy a model of the user's own into the last folder, after every check of ``load``.

        weights_path: None for an ensemble. Raises as ``load``, OutputError when a model of that
        id is there already; then nothing was written.
        """
        card = read_card(Path(card_path))
        if card.id in {folder.name for folder in self._model_folders()}:
            raise ModelCardError(f"A model named {card.id} is there already: choose another id.")
        if card.weights is None:
            if weights_path is not None:
                raise ModelCardError(f"Card of {card.id} is an ensemble's, which has no weights.")
            members = card.ensemble.members if card.ensemble else ()
            for member in members:
                self._member(card, member)
        elif weights_path is None:
            raise ModelNotFoundError(f"Card of {card.id} needs a weights file, none was given.")
        else:
            weights_path = Path(weights_path)
            network_with_weights(
                card, read_weights(weights_path, card.weights.sha256), self._base_weights(card)
            )
        with atomic_folder(self._folders[-1] / card.id) as folder:
            (folder / CARD_FILE).write_text(card.text, encoding="utf-8", newline="")
            if card.weights is not None and weights_path is not None:
                content = read_verified(weights_path, card.weights.sha256)
                (folder / card.weights.file).write_bytes(content)
        return card

    def _member(self, card: ModelCard, member: str) -> Model:
        folder = self.folder(member)
        single = self._read(folder)
        if single.task != card.task or single.ensemble is not None:
            raise ModelCardError(
                f"Card of {card.id}: member {member} is not a single model for {card.task}."
            )
        return self._load_single(single, folder)

    def _load_single(self, card: ModelCard, folder: Path) -> Model:
        assert card.weights is not None
        tensors = read_weights(folder / card.weights.file, card.weights.sha256)
        return Model(card, network_with_weights(card, tensors, self._base_weights(card)))

    def _base_weights(self, card: ModelCard) -> dict[str, Tensor] | None:
        base = self._base(card)
        return None if base is None else read_weights(*base)

    def _base(self, card: ModelCard) -> tuple[Path, str] | None:
        """Weights file and SHA-256 of the model that ``card`` builds on; None: it stands alone."""
        assert card.weights is not None
        if card.weights.base is None or card.weights.base_sha256 is None:
            return None
        folder = self.folder(card.weights.base)
        base = self._read(folder)
        if base.weights is None or base.weights.base is not None:
            raise ModelCardError(f"Card of {card.id}: base {base.id} has no weights of its own.")
        return folder / base.weights.file, card.weights.base_sha256

    def _read(self, folder: Path) -> ModelCard:
        card = read_card(folder / CARD_FILE)
        if card.id != folder.name:
            raise ModelCardError(
                f"Card of {folder.name} has the id {card.id!r}, expected the folder's name."
            )
        return card

    def _model_folders(self) -> Iterator[Path]:
        seen: set[str] = set()
        for parent in self._folders:
            if not parent.is_dir():
                continue
            for folder in sorted(parent.iterdir()):
                if folder.is_dir() and not folder.name.startswith(".") and folder.name not in seen:
                    seen.add(folder.name)
                    yield folder
