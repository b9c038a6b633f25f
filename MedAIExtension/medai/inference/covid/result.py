"""What classification gives back: per slice, per study, why, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.images.volume import Volume
from medai.inference.covid.guard import EVIDENCE_OUTSIDE, chance_notes
from medai.inference.running.planes import require_planes
from medai.models import ModelCard

COVID_CLASS = "COVID-19"
# What would be shown as 0.00.
_LEAST_SHOWN = 0.005

# Rule that makes a study of its slices -> what it does, in words.
RULES = MappingProxyType(
    {
        "top-quartile": "mean over the quarter of slices with the highest probability",
        "mean": "mean over all slices",
        "median": "median over all slices",
        "maximum": "the slice with the highest probability",
    }
)


@dataclass(frozen=True)
class CovidOptions:
    """Choices for a classification.

    rule: one of RULES. planes: directions of slicing, one or more of PLANES; several are averaged.
    explained_slices: how many of the most suspicious slices get a Grad-CAM. A Mask-Net's regions
        are told of every slice: they, not its answer for a slice, say where lesions are.
    batch_size: None chooses by the network and device.
    Raises InputError on other values.
    """

    rule: str = "top-quartile"
    planes: tuple[str, ...] = ("axial",)
    device: str = "auto"
    batch_size: int | None = None
    explained_slices: int = 12

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"Rule {self.rule!r} is unknown, expected one of {', '.join(RULES)}.")
        require_planes(self.planes)


@dataclass(frozen=True, eq=False)
class SliceScores:
    """The classified slices of one plane.

    index: (n,) position of each slice: canonical slice index of the plane, or picture number.
    probability: (n, classes), each row the mean over test-time variants and members.
    spread: (n,) standard deviation of p(COVID-19) over variants and members.
    """

    plane: str
    index: NDArray[np.intp]
    probability: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankedRegions:
    """What a COVID-CT-Mask-Net ranked on one slice, highest score first.

    box: (k, 4) x0, y0, x1, y1 in pixels of the slice (canonical axial, or the picture's own).
    """

    slice_index: int
    box: NDArray[np.float32]
    score: NDArray[np.float32]

    @property
    def area_px(self) -> NDArray[np.float32]:
        """Area of each box in pixels."""
        return np.prod(self.box[:, 2:] - self.box[:, :2], axis=1)


@dataclass(frozen=True, eq=False)
class CovidResult:
    """The classification of one study.

    inputs: the volume, or the pictures, that were classified.
    classes: all classes in order; "no COVID-19" first where the model only says COVID or not.
    probability: of the study, per class. covid_probability: always p(COVID-19).
    spread: standard deviation of covid_probability over test-time variants and members.
    explanation: one float16 array (z, y, x) per input on its own grid: where the network looked,
        as a share, 0..1, of the study's highest; 0 on slices that were not explained. Score maps
        for Mask-Nets, else Grad-CAM.
    explanation_kind: "score map" or "Grad-CAM".
    regions: per explained slice, Mask-Nets only.
    cards: the model's card and, for an ensemble, its members' cards.
    """

    inputs: tuple[Volume, ...]
    classes: tuple[str, ...]
    probability: NDArray[np.float64]
    spread: float
    slices: tuple[SliceScores, ...]
    explanation: tuple[NDArray[np.float16], ...]
    explanation_kind: str
    regions: tuple[RankedRegions, ...]
    cards: tuple[ModelCard, ...]
    options: CovidOptions
    device: str
    seconds: float
    notes: tuple[str, ...]

    @property
    def volume(self) -> Volume:
        """The first input: the volume of a CT study."""
        return self.inputs[0]

    @property
    def card(self) -> ModelCard:
        """The card of the model that was asked for."""
        return self.cards[0]

    @property
    def covid_probability(self) -> float:
        """p(COVID-19) of the study."""
        return float(self.probability[self.classes.index(COVID_CLASS)])

    @property
    def threshold(self) -> float:
        """The card's decision threshold on p(COVID-19), 0.5 where it names none."""
        given = self.card.decision.threshold
        return 0.5 if given is None else given

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why not to rely on the answer, the gravest first; empty when nothing speaks against."""
        found = [self.card.warning, *chance_notes(self.card)]
        found += [note for note in self.notes if note == EVIDENCE_OUTSIDE]
        return tuple(dict.fromkeys(doubt for doubt in found if doubt))

    @property
    def sentence(self) -> str:
        """The answer in plain words; where something says not to rely on it, that alone."""
        if self.doubts:
            return f"{self.doubts[0]} What it answered stands in the table."
        low, high = (
            min(1.0, max(0.0, self.covid_probability + sign * self.spread)) for sign in (-1, 1)
        )
        if low < self.threshold <= high:
            words = "undecided"
        elif self.covid_probability >= self.threshold:
            words = "looks like COVID-19 to this model"
        else:
            words = "does not look like COVID-19 to this model"
        count = sum(len(scores.index) for scores in self.slices)
        what = "slice" if count == 1 else "slices"
        probability, spread = map(probability_words, (self.covid_probability, self.spread))
        return (
            f"Probability of COVID-19 {probability} ({count} {what}), spread over views {spread}, "
            f"not accuracy: {words}."
        )


def probability_words(value: float) -> str:
    """A probability or a spread with two digits; never as certain as 0.00 or 1.00 would read."""
    if value < _LEAST_SHOWN:
        return "below 0.01"
    return "above 0.99" if value > 1.0 - _LEAST_SHOWN else f"{value:.2f}"


def counted_slices(probability: NDArray[np.float64], covid: int, rule: str) -> NDArray[np.intp]:
    """Which slices of (n, classes) a rule counts, by p(COVID-19) in column ``covid``."""
    order = np.argsort(-probability[:, covid], kind="stable")
    if rule == "top-quartile":
        return order[: max(1, round(len(order) / 4))]
    return order[:1] if rule == "maximum" else order


def study_probability(probability: NDArray[np.float64], covid: int, rule: str) -> NDArray:
    """One probability per class of a study from its slices' (n, classes), by one of RULES.

    The classes of the slices that count are averaged, so they still sum to 1.
    """
    counted = probability[counted_slices(probability, covid, rule)]
    if rule != "median":
        return counted.mean(axis=0)
    middle = np.median(counted, axis=0)
    return middle / middle.sum()
