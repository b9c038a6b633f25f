"""What a chest radiograph's run gives back: where, how much, which scores. numpy, picklable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from medai.images.volume import Volume
from medai.measures.radiograph import RadiographMeasure
from medai.measures.zone_scores import SixZoneScore
from medai.models import ModelCard

LUNG_CLASS, GLASS_CLASS, SOLID_CLASS = "clear lung", "ground-glass opacity", "consolidation"


@dataclass(frozen=True)
class XrayOptions:
    """Choices for a run.

    threshold: probability of opacity from which on a pixel of the lungs is opaque; None for the
    card's. readers: a reader's scores of zones A to F by the film's place, from 0.
    """

    device: str = "auto"
    threshold: float | None = None
    readers: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Film:
    """One radiograph and what was found in it, all on its own pixels, as arrays (1, y, x).

    lungs: uint8, 1 right, 2 left. opacities: uint8, 1 ground-glass, 2 consolidation, inside the
    lungs. zones: uint8, 1 to 6 for A to F. probability: float16, of any opacity. reader: another
    reader's scores of A to F, if given.
    """

    volume: Volume
    lungs: NDArray[np.uint8]
    opacities: NDArray[np.uint8]
    zones: NDArray[np.uint8]
    probability: NDArray[np.float16]
    measure: RadiographMeasure
    score: SixZoneScore
    reader: tuple[int, ...] | None = None

    @property
    def sentence(self) -> str:
        """One sentence: opacity, six-zone score with its spread, the reader's beside it."""
        m = self.measure
        sides = ", ".join(
            f"{name} {side.opacity_percent:.0f} %" if side.area_px else f"{name} not in view"
            for name, side in (("right", m.right), ("left", m.left))
        )
        reader = "" if self.reader is None else f"; reader {sum(self.reader)}"
        return (
            f"{self.volume.name}: opacity {m.opacity_percent:.0f} % of the lungs ({sides}); "
            f"six-zone score {self.score.text}{reader}."
        )


@dataclass(frozen=True, eq=False)
class XrayResult:
    """The films of one patient, by date where they have one.

    of_network: the result as the network gave it, where a hand has corrected this one.
    """

    films: tuple[Film, ...]
    card: ModelCard
    options: XrayOptions
    device: str
    seconds: float
    notes: tuple[str, ...]
    of_network: XrayResult | None = None

    @property
    def sentence(self) -> str:
        """The card's warning, a sentence a film, and the change from the first to the last."""
        said = [self.card.warning] if self.card.warning else []
        said += [film.sentence for film in self.films]
        change = self.change
        if change is not None:
            said.append("Six-zone score from first to last: " + f"{change:+d}.".replace("-", "−"))
        return " ".join(said)

    @property
    def change(self) -> int | None:
        """The last film's total score minus the first's; None with one film or none to compare."""
        first, last = self.films[0].score.total, self.films[-1].score.total
        return None if len(self.films) < 2 or first is None or last is None else last - first


def with_reader(result: XrayResult, scores: tuple[int, ...] | None) -> XrayResult:
    """The same result of one film with a reader's scores of A to F beside the model's."""
    (film,) = result.films
    readers = {} if scores is None else {0: scores}
    own = result.of_network
    return replace(
        result,
        films=(replace(film, reader=scores),),
        options=replace(result.options, readers=readers),
        of_network=None if own is None else with_reader(own, scores),
    )
