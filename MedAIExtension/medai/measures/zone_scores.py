"""The six-zone score of a chest radiograph with its spread, and a reader's beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.measures.radiograph import ZONES

HIGHEST = 3
# The share of cases that the spread of a total is to hold.
SPREAD = 0.8


@dataclass(frozen=True)
class SixZoneScore:
    """Scores 0 (clear) to 3 of zones A to F, None for a zone that is not in view.

    expected: mean score of each zone, nan where it has none. total: 0 to 18, None where a zone is
    not in view. low, high: where the total lies in SPREAD of the cases, by the model's own
    probabilities.
    """

    zones: tuple[int | None, ...]
    expected: tuple[float, ...]
    total: int | None
    low: int | None
    high: int | None

    @property
    def text(self) -> str:
        """ "7 of 18 (4 to 10)"; "not computed" where a zone is not in view."""
        if self.total is None:
            return "not computed: a zone is not in view"
        return f"{self.total} of 18 ({self.low} to {self.high})"


def six_zone_score(probabilities: NDArray, spread: float = 1.0) -> SixZoneScore:
    """The score from the probability of 0 to 3 in each zone, (6, 4), nan in a zone not in view.

    spread: factor on the standard deviation of the total that zones which err alone would have.
    A zone's score is its expected one, rounded; the total is the sum of the zones' scores.
    """
    scores = np.arange(HIGHEST + 1)
    expected = tuple(float(row @ scores) for row in probabilities)
    zones = tuple(None if math.isnan(mean) else math.floor(mean + 0.5) for mean in expected)
    known = [score for score in zones if score is not None]
    if len(known) < len(ZONES):
        return SixZoneScore(zones, expected, None, None, None)
    total, mean = sum(known), sum(expected)
    variance = sum(
        float(row @ scores**2) - m**2 for row, m in zip(probabilities, expected, strict=True)
    )
    half = 1.2816 * spread * math.sqrt(max(variance, 0.0))  # normal quantile of SPREAD, two-sided
    low = max(0, min(total, round(mean - half)))
    high = min(HIGHEST * len(ZONES), max(total, round(mean + half)))
    return SixZoneScore(zones, expected, total, low, high)


def checked_reader(scores: Sequence[int], name: str) -> tuple[int, ...]:
    """A reader's six scores, A to F. Raises InputError unless there are six from 0 to 3."""
    if len(scores) != len(ZONES) or not all(0 <= score <= HIGHEST for score in scores):
        given = ",".join(map(str, scores))
        raise InputError(f"{name}: a reader's score is {given}, expected six from 0 to 3, A to F.")
    return tuple(int(score) for score in scores)


def parse_reader(text: str) -> tuple[int, ...]:
    """ "3,2,1,0,1,2" as scores of A to F. Raises InputError."""
    try:
        scores = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"A reader's score is {text!r}, expected six numbers: A,B,C,D,E,F."
        ) from None
    return checked_reader(scores, "The film")
