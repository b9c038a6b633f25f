"""What raters said of the quality of images: counts, contradictions, and what it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.agreement.regression import INTERCEPT, linear_model
from medai.errors import RatingError

# What describes the raters' work on an image rather than the image.
_OF_THE_WORK = ("quality", "seconds")
WORDS = {-1.0: "low", 0.0: "normal", 1.0: "high"}


@dataclass(frozen=True, eq=False)
class QualityRemarks:
    """scores: (raters, images) −1 low, 0 normal, 1 high, nan where nothing was said.

    reasons: by image, by rater, what was said against its quality ("out of focus", …).
    """

    raters: tuple[str, ...]
    images: tuple[str, ...]
    scores: NDArray[np.float64]
    reasons: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def said(self, reason: str) -> NDArray[np.bool_]:
        """(raters, images) where a rater gave this reason."""
        return np.array(
            [
                [reason in self.reasons.get(image, {}).get(rater, ()) for image in self.images]
                for rater in self.raters
            ],
            dtype=bool,
        ).reshape(len(self.raters), len(self.images))


@dataclass(frozen=True)
class QualityCounts:
    """How many images: judged by two or more; of those all alike, and called both high and low.

    rater_rows: rater, low, normal, high, and a column a reason. reason_rows: reason, images (named
    by at least one rater).
    """

    images: int
    alike: int
    contradictory: int
    doubted: int
    rater_rows: tuple[dict[str, Any], ...]
    reason_rows: tuple[dict[str, Any], ...]

    @property
    def sentence(self) -> str:
        """The counts in one sentence."""
        were = "was" if self.contradictory == 1 else "were"
        text = (
            f"Of {self.images} images that two or more raters judged, all agreed on the quality of "
            f"{self.alike}, and {self.contradictory} {were} called both high and low."
        )
        if self.reason_rows:
            named = ", ".join(f"{row['reason']} {row['images']}" for row in self.reason_rows)
            faulted = "1 image was" if self.doubted == 1 else f"{self.doubted} images were"
            text += f" {faulted} faulted by at least one rater: {named}."
        return text


def quality_counts(remarks: QualityRemarks) -> QualityCounts:
    """Count what was said.

    >>> scores = np.array([[-1.0, 0, 1], [1, 0, np.nan]])
    >>> found = quality_counts(QualityRemarks(("a", "b"), ("x", "y", "z"), scores))
    >>> found.images, found.alike, found.contradictory
    (2, 1, 1)
    """
    scores = remarks.scores
    judged = np.isfinite(scores).sum(axis=0) >= 2
    low, high = (scores == -1.0).any(axis=0), (scores == 1.0).any(axis=0)
    alike = [len(np.unique(column[np.isfinite(column)])) == 1 for column in scores.T]
    kinds = list(
        dict.fromkeys(
            reason
            for by_rater in remarks.reasons.values()
            for found in by_rater.values()
            for reason in found
        )
    )
    said = {reason: remarks.said(reason) for reason in sorted(kinds)}
    rows = [
        {
            "rater": rater,
            **{word: int((scores[k] == value).sum()) for value, word in WORDS.items()},
            **{reason: int(where[k].sum()) for reason, where in said.items()},
        }
        for k, rater in enumerate(remarks.raters)
    ]
    doubted = np.zeros(len(remarks.images), dtype=bool)
    for where in said.values():
        doubted |= where.any(axis=0)
    return QualityCounts(
        int(judged.sum()),
        int((judged & np.array(alike, dtype=bool)).sum()),
        int((judged & low & high).sum()),
        int(doubted.sum()),
        tuple(rows),
        tuple(
            {"reason": reason, "images": int(where.any(axis=0).sum())}
            for reason, where in said.items()
        ),
    )


def quality_model(
    covariates: Mapping[str, Mapping[str, float | str]],
) -> tuple[dict[str, Any], ...]:
    """What the images' mean quality depends on: one Gaussian linear model on what describes them.

    covariates: by image, with "quality" among them. The time that outlining took is no covariate:
    it is the raters' work, not the image. Rows term, coefficient, standard_error, low, high, p,
    images; empty where there is nothing to explain it by, or too little.
    """
    named = {name: given for name, given in covariates.items() if "quality" in given}
    terms = list(
        dict.fromkeys(t for given in named.values() for t in given if t not in _OF_THE_WORK)
    )
    if not terms:
        return ()
    columns = {}
    for term in terms:
        values = [given.get(term) for given in named.values()]
        worded = any(isinstance(value, str) for value in values)
        columns[term] = [
            ("" if worded else float("nan")) if v is None else str(v) if worded else float(v)
            for v in values
        ]
    try:
        model = linear_model([float(given["quality"]) for given in named.values()], columns)
    except RatingError:
        return ()
    return tuple(
        {
            "term": term.term,
            "coefficient": term.coefficient,
            "standard_error": term.standard_error,
            "low": term.low,
            "high": term.high,
            "p": term.p,
            "images": model.rows,
        }
        for term in model.coefficients
        if term.term != INTERCEPT
    )
