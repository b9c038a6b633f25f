"""A model that is ready to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medai.models.card import ModelCard

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class Model:
    """A card and its network (float32, on the CPU, in evaluation mode).

    An ensemble has ``members`` and no network; each member is a single model.
    """

    card: ModelCard
    network: nn.Module | None = None
    members: tuple[Model, ...] = field(default=())

    @property
    def singles(self) -> tuple[Model, ...]:
        """The models with a network: the members of an ensemble, or the model itself."""
        return self.members or (self,)

    @property
    def classes(self) -> tuple[str, ...]:
        """Findings, in the order of the network's outputs."""
        section = self.singles[0].card.network
        return section.classes if section else ()
