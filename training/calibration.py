"""How sure a lesion network may be: its temperature, and how far its burden may be off.

Both are learned from pictures that the network has not seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medai.errors import TrainingDataError

COVERAGE = 0.95
# Fewer can't tell 95 %.
LEAST_PICTURES = 19
_TEMPERATURES = np.exp(np.linspace(math.log(0.4), math.log(2.5), 61))
_LEAST_P = 1e-4
# So far apart that 1 minus a probability is told from it.
_BESIDE = 1e-9


def best_temperature(
    probabilities: Sequence[NDArray], truths: Sequence[NDArray[np.bool_]]
) -> float:
    """The temperature, beyond the one already used, at which lesion probabilities are likeliest.

    probabilities, truths: of each picture, (y, x). Pictures count alike, whatever their size. The
    logits are divided by it (Guo et al., On calibration of modern neural networks, 2017).
    """
    losses = np.zeros(len(_TEMPERATURES))
    for probability, truth in zip(probabilities, truths, strict=True):
        p = np.clip(probability.astype(np.float64), _LEAST_P, 1 - _LEAST_P)
        # Of what is there, as a sign: a true voxel should have a high logit, a false one a low.
        logit = np.where(truth, 1.0, -1.0) * (np.log(p) - np.log1p(-p))
        losses += [np.logaddexp(0.0, -logit / t).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[losses.argmin()])


def interval_probability(
    probabilities: Sequence[NDArray], truths: Sequence[NDArray[np.bool_]]
) -> float:
    """The largest q so that in 95 % of pictures the true lesion's area lies between those of the
    pixels of at least 1 - q and of at least q.

    By split conformal prediction (Vovk et al. 2005): of n pictures the score of the
    floor(0.05 (n + 1))-th smallest, so that a new picture of the same origin is covered with a
    probability of 95 %, whatever the network. A picture's score is the largest q that covers it.
    Raises TrainingDataError for fewer than 19 pictures, which can't tell 95 %.
    """
    # Rounded, for 0.05 is not a binary fraction.
    rank = math.floor(round((1 - COVERAGE) * (len(truths) + 1), 9))
    if len(truths) < LEAST_PICTURES:
        raise TrainingDataError(
            f"{len(truths)} pictures can't tell 95 %, expected at least {LEAST_PICTURES}."
        )
    scores = sorted(map(covering_probability, probabilities, truths))
    return scores[rank - 1]


def covering_probability(probability: NDArray, truth: NDArray[np.bool_]) -> float:
    """The largest q, at most 1/2, whose interval holds the true area of one picture."""
    falling = np.sort(probability.astype(np.float64), axis=None)[::-1]
    area = np.count_nonzero(truth)
    # As many pixels as are true must reach q, and no more than these may reach 1 - q.
    reached = falling[area - 1] if area else 1.0
    beyond = falling[area] if area < len(falling) else 0.0
    return float(max(0.0, min(0.5, reached, 1.0 - beyond - _BESIDE)))


def covered(probability: NDArray, truth: NDArray[np.bool_], q: float) -> bool:
    """Whether the interval of ``q`` holds the true area of a picture."""
    low, high = (np.count_nonzero(probability >= bound) for bound in (1.0 - q, q))
    return bool(low <= np.count_nonzero(truth) <= high)
