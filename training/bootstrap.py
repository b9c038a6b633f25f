"""Bootstrap intervals that resample patients (or any groups), not single pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A value, its 95 % percentile interval, and how many pictures and groups it rests on."""

    value: float
    low: float
    high: float
    n: int
    groups: int


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], dict[str, float]],
    groups: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Each value of ``statistic(indices)`` over all items, with an interval.

    groups: of each item; whole groups are drawn with replacement. Resamples in which a value is
    not defined (nan) don't count for it. The interval always holds the value.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(group_of == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    values = statistic(np.arange(len(group_of)))
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(resamples):
        chosen = rng.integers(0, len(members), len(members))
        again = statistic(np.concatenate([members[index] for index in chosen]))
        for name in drawn:
            drawn[name].append(again[name])
    return {
        name: _interval(value, np.asarray(drawn[name]), len(group_of), len(members))
        for name, value in values.items()
    }


def _interval(value: float, drawn: NDArray, n: int, groups: int) -> Interval:
    defined = drawn[np.isfinite(drawn)]
    if not len(defined) or not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"), n, groups)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Interval(value, min(float(low), value), max(float(high), value), n, groups)
