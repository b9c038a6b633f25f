"""Raters, consensus methods and models held against a gold standard, and ranked.

Image by image: Dice, sensitivity, precision, relative size and, where wanted, surface distances.
Over images: means with bootstrap intervals, the share of resamples in which each is the best, and
how far each is behind the best on the images that both have (paired).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.agreement.consensus import band_staple, dawid_skene, majority, staple
from medai.agreement.interval import percentile_interval
from medai.agreement.overlap import pairwise_overlap
from medai.agreement.performance import Scores, score_against
from medai.agreement.ratings import ImageRatings

RATER, CONSENSUS, MODEL = "rater", "consensus", "model"
METHODS = {
    "majority": majority,
    "STAPLE": staple,
    "STAPLE of the disputed band": band_staple,
    "Dawid-Skene": dawid_skene,
}
MEASURES = ("dice", "sensitivity", "precision", "size_ratio", "mean_surface_mm", "hausdorff95_mm")
_RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class GoldStandardResult:
    """image_rows: image, who, kind ("rater", "consensus", "model"), measure, value; nan where a
    measure has no meaning. ranking_rows: the best first; see ``GoldStandard.result``.

    images: held against the gold standard. false_alarms: by name, images on which the gold standard
    marks nothing and they marked something; those images have no Dice.
    """

    image_rows: tuple[dict[str, Any], ...]
    ranking_rows: tuple[dict[str, Any], ...]
    images: tuple[str, ...]
    false_alarms: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """Who is closest to the gold standard, and who can't be told from it."""
        if not self.ranking_rows:
            return "Nothing could be held against the gold standard."
        best = self.ranking_rows[0]
        alike = [row["who"] for row in self.ranking_rows[1:] if not row["behind_high"] < 0]
        text = (
            f"Closest to the gold standard on {len(self.images)} images: {best['who']}, mean Dice "
            f"{best['dice']:.3f} ({best['low']:.3f}–{best['high']:.3f})"
        )
        if alike:
            text += f"; not told apart from it: {', '.join(alike)}"
        return text + "."


class GoldStandard:
    """Takes images one by one, and ranks at the end.

    models: names among the raters that take no part in a consensus. surfaces: distances too.
    """

    def __init__(self, models: Sequence[str] = (), *, surfaces: bool = True) -> None:
        self._models = tuple(models)
        self._surfaces = surfaces
        self._rows: list[dict[str, Any]] = []
        self._images: list[str] = []
        self._kinds: dict[str, str] = {}
        self._false_alarms: dict[str, int] = {}

    def add(self, ratings: ImageRatings, gold: NDArray) -> None:
        """One image. gold: mask on the grid of the ratings' masks.

        A consensus is taken of at least three raters: of two, no method knows better than either.
        """
        masks = dict(zip(ratings.raters, ratings.masks, strict=True))
        people = [mask for rater, mask in masks.items() if rater not in self._models]
        candidates = [
            (rater, MODEL if rater in self._models else RATER, mask)
            for rater, mask in masks.items()
        ]
        if len(people) >= 3:
            candidates += [
                (name, CONSENSUS, method(people, ratings.roi).mask)
                for name, method in METHODS.items()
            ]
        self._images.append(ratings.name)
        for who, kind, mask in candidates:
            scores = score_against(mask, gold, ratings.roi)
            self._kinds[who] = kind
            if not scores.tp + scores.fn and scores.fp:
                self._false_alarms[who] = self._false_alarms.get(who, 0) + 1
            values = self._measures(mask, gold, scores, ratings)
            self._rows += [
                {"image": ratings.name, "who": who, "kind": kind, "measure": name, "value": value}
                for name, value in zip(MEASURES, values, strict=True)
            ]

    def result(self, seed: int = 0) -> GoldStandardResult:
        """The tables. ranking_rows: rank, who, kind, images, dice, low, high (95 %, bootstrap over
        images), best_share (of resamples), behind, behind_low, behind_high (mean Dice less that of
        the best, on the images of both), then the means of the other measures.
        """
        return GoldStandardResult(
            tuple(self._rows),
            tuple(self._ranking(seed)),
            tuple(self._images),
            dict(self._false_alarms),
        )

    def _measures(
        self, mask: NDArray, gold: NDArray, scores: Scores, ratings: ImageRatings
    ) -> tuple[float, ...]:
        marked, true = scores.tp + scores.fp, scores.tp + scores.fn
        nan = float("nan")
        surface = hausdorff = nan
        if self._surfaces and marked and true:
            (pair,) = pairwise_overlap([mask, gold], ratings.roi, ratings.spacing_mm)
            surface, hausdorff = pair.mean_surface_mm, pair.hausdorff95_mm
        # Where there is nothing to find Dice is 0 for a false alarm and undefined for being right:
        # a mean over such images would rank the careful last.
        overlap = scores.f1 if true else nan
        return overlap, scores.tpr, scores.ppv, marked / true if true else nan, surface, hausdorff

    def _ranking(self, seed: int) -> list[dict[str, Any]]:
        names = list(self._kinds)
        tables = {measure: self._table(measure, names) for measure in MEASURES}
        dice = tables["dice"]
        names = [name for name, row in zip(names, dice, strict=True) if np.isfinite(row).any()]
        if not names:
            return []
        tables = {measure: self._table(measure, names) for measure in MEASURES}
        dice = tables["dice"]
        order = np.argsort(-_means(dice), kind="stable")
        picks = np.random.default_rng(seed).integers(
            0, len(self._images), (_RESAMPLES, len(self._images))
        )
        resampled = np.array([_means(dice[:, pick]) for pick in picks])
        best = np.where(np.isfinite(resampled), resampled, -1.0).argmax(axis=1)
        behind = dice - dice[order[0]]
        behind_resampled = np.array([_means(behind[:, pick]) for pick in picks])
        rows = []
        for rank, index in enumerate(order, start=1):
            interval = percentile_interval(resampled[:, index])
            apart = percentile_interval(behind_resampled[:, index])
            means = {measure: float(_means(tables[measure])[index]) for measure in MEASURES}
            rows.append(
                {
                    "rank": rank,
                    "who": names[index],
                    "kind": self._kinds[names[index]],
                    "images": int(np.isfinite(dice[index]).sum()),
                    "dice": means.pop("dice"),
                    "low": interval.low,
                    "high": interval.high,
                    "best_share": float((best == index).mean()),
                    "behind": float(_means(behind)[index]),
                    "behind_low": apart.low,
                    "behind_high": apart.high,
                    **means,
                }
            )
        return rows

    def _table(self, measure: str, names: Sequence[str]) -> NDArray[np.float64]:
        """(who, images); nan where there is no value."""
        table = np.full((len(names), len(self._images)), np.nan)
        places = {name: place for place, name in enumerate(self._images)}
        for row in self._rows:
            if row["measure"] == measure and row["who"] in names:
                table[names.index(row["who"]), places[row["image"]]] = row["value"]
        return table


def _means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means along the last axis, nan left out; nan where nothing is left."""
    finite = np.isfinite(table)
    counts = finite.sum(axis=-1)
    sums = np.where(finite, table, 0.0).sum(axis=-1)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
