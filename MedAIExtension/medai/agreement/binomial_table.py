"""Binomial observations of one or many data sets, as the mixed model takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BinomialTable:
    """Observations of one or many data sets of equal layout.

    successes, trials: (sets, raters, rows), or (1, raters, rows) for all; trials 0 where a rater
        gave no rating.
    counts: (sets, rows), how many equal units a row stands for (0 pads).
    """

    successes: Array
    trials: Array
    counts: Array

    @property
    def sets(self) -> int:
        """Number of data sets."""
        return len(self.counts)

    @property
    def raters(self) -> int:
        """Number of raters."""
        return int(self.successes.shape[1])

    @property
    def rows(self) -> int:
        """Number of rows, padding included."""
        return int(self.successes.shape[2])

    def take(self, sets: NDArray[np.intp]) -> BinomialTable:
        """The data sets of these indices; an array of length 1 serves every index as it is."""
        if self.sets == 1:
            return self

        def part(array: Array) -> Array:
            return array if len(array) == 1 else array[sets]

        return BinomialTable(part(self.successes), part(self.trials), self.counts[sets])

    def mean_share(self) -> Array:
        """(sets,) share of successes, kept half an observation away from 0 and 1."""
        weights = self.counts[:, None, :]
        trials = (weights * self.trials).sum(axis=(1, 2))
        return ((weights * self.successes).sum(axis=(1, 2)) + 0.5) / (trials + 1.0)

    def log_coefficients(self) -> Array:
        """(sets,) log of the binomial coefficients, the part of log L that has no parameter."""
        k, m = self.successes, self.trials
        rows = (gammaln(m + 1) - gammaln(k + 1) - gammaln(m - k + 1)).sum(axis=1)
        return (self.counts * rows).sum(axis=1)
