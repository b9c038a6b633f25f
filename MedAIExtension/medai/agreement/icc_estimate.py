"""What an intraclass correlation on the logit scale consists of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from medai.agreement.interval import Interval
from medai.errors import RatingError

Method = Literal["exact", "laplace"]
LinkVariance = Literal["meanobs", "liability"]

POOR_BELOW = 0.5
GOOD_FROM = 0.75
EXCELLENT_ABOVE = 0.9
# An image of fewer units tells too little for an ICC to be relied upon.
LEAST_RELIABLE_UNITS = 30
CONFIDENCE = 0.95
NO_INTERVAL = Interval(float("nan"), float("nan"), CONFIDENCE, 0)


def reading(icc: float) -> str:
    """An ICC in a word, after Koo and Li 2016.

    >>> reading(0.45), reading(0.9), reading(0.95)
    ('poor', 'good', 'excellent')
    """
    if icc < POOR_BELOW:
        return "poor"
    if icc < GOOD_FROM:
        return "moderate"
    return "good" if icc <= EXCELLENT_ABOVE else "excellent"


@dataclass(frozen=True)
class IccEstimate:
    """Intraclass correlation and the variances it is made of, on the logit scale.

        ICC = V_unit / (V_unit + V_rater + V_over + V_link)

    icc: 0..1; < 0.5 poor, 0.5-0.75 moderate, 0.75-0.9 good, > 0.9 excellent (after Koo and Li
        2016, J. Chiropr. Med. 15(2), 155-163). nan where it is undefined.
    variance_unit: between pixels (or areas); inf when all raters agree everywhere.
    variance_rater: between raters.
    variance_over: between single observations (area ICC; 0 for pixels).
    variance_link: of the binomial answer itself: 1/(p(1−p)) at the mean rating p ("meanobs") or
        π²/3 ("liability").
    intercept: mean logit.
    log_likelihood: of the fit, binomial coefficients included.
    reason: why the ICC is undefined, or why it can't be relied upon; "" otherwise.
    interval: 95 %, of exact fits (see ``icc_profile``); nan where there is none.
    """

    icc: float
    variance_unit: float
    variance_rater: float
    variance_over: float
    variance_link: float
    intercept: float
    log_likelihood: float
    reason: str = ""
    interval: Interval = NO_INTERVAL

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.interval.low

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.interval.high

    @property
    def words(self) -> str:
        """The ICC in a word with its number and interval, "moderate: 0.60 (0.52–0.67)".

        >>> undefined("every rating is the same").words
        'undefined: every rating is the same'
        """
        if not np.isfinite(self.icc):
            return f"undefined: {self.reason}"
        text = f"{reading(self.icc)}: {self.icc:.2f}"
        return text + (f" ({self.low:.2f}–{self.high:.2f})" if np.isfinite(self.low) else "")

    @property
    def variance_error(self) -> float:
        """All variance that is not between units: what averaging over raters reduces."""
        return self.variance_rater + self.variance_over + self.variance_link


def link_variance_of(mean_rating: float, kind: str) -> float:
    """Variance of a binomial answer on the logit scale (Nakagawa and Schielzeth 2010, table 2).

    mean_rating: share of marked ratings, strictly between 0 and 1.
    kind: "meanobs" gives 1/(p(1−p)), "liability" π²/3. RatingError on another word.

    >>> link_variance_of(0.5, "meanobs")
    4.0
    """
    if kind == "meanobs":
        return 1.0 / (mean_rating * (1.0 - mean_rating))
    if kind == "liability":
        return float(np.pi**2 / 3.0)
    raise RatingError(f"Link variance {kind!r}: expected 'meanobs' or 'liability'.")


def estimate(
    sd_unit: float,
    sd_rater: float,
    sd_over: float,
    variance_link: float,
    intercept: float,
    log_likelihood: float,
    interval: Interval | None = None,
    reason: str = "",
) -> IccEstimate:
    """The estimate of a fitted model from its standard deviations.

    The interval is made to hold the estimate, which is the ordinary likelihood's.
    """
    unit, rater, over = sd_unit**2, sd_rater**2, sd_over**2
    return IccEstimate(
        icc=unit / (unit + rater + over + variance_link),
        variance_unit=unit,
        variance_rater=rater,
        variance_over=over,
        variance_link=variance_link,
        intercept=intercept,
        log_likelihood=log_likelihood,
        reason=reason,
        interval=_holding(interval, unit / (unit + rater + over + variance_link)),
    )


def too_small(units: int) -> str:
    """Why an ICC of so few units is not reliable, or ""."""
    if units >= LEAST_RELIABLE_UNITS:
        return ""
    return f"not reliable: the region of interest holds only {units} pixels"


def _holding(interval: Interval | None, icc: float) -> Interval:
    if interval is None:
        return NO_INTERVAL
    return replace(interval, low=min(interval.low, icc), high=max(interval.high, icc))


def undefined(reason: str) -> IccEstimate:
    """An estimate that is nan throughout, with its reason."""
    nan = float("nan")
    return IccEstimate(nan, nan, nan, nan, nan, nan, nan, reason)


def perfect(
    variance_link: float, intercept: float, log_likelihood: float, reason: str = ""
) -> IccEstimate:
    """All raters alike on every unit: the limit of a growing variance between units."""
    return IccEstimate(
        1.0, float("inf"), 0.0, 0.0, variance_link, intercept, log_likelihood, reason
    )
