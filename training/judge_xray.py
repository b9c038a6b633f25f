"""A radiograph model judged on patients that it never saw: lungs, opacities, two raters' scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.agreement.classical_icc import classical_icc
from medai.agreement.weighted_kappa import weighted_kappas
from medai.errors import UnsuitableImageError
from medai.images.volume import Volume
from medai.inference.xray.assessment import assess_radiographs
from medai.inference.xray.result import Film, XrayOptions
from medai.models import Model
from training.bootstrap import bootstrap
from training.radiographs import (
    CONSOLIDATION,
    GROUND_GLASS,
    Radiograph,
    ScoredRadiograph,
)
from training.segmentation import dice

_MATRIX = np.diag([-1.0, -1.0, 1.0, 1.0])
_GRADES = (0, 1, 2, 3)
_PAIRS = (("senior", "junior"), ("model", "senior"), ("model", "junior"))


def found_in(model: Model, pixels: NDArray[np.uint8], name: str) -> Film | None:
    """What users' code finds in a film; None where it refuses it."""
    volume = Volume(pixels[None], _MATRIX, "", name, has_spacing=False)
    try:
        return assess_radiographs(volume, model, XrayOptions("cpu")).films[0]
    except UnsuitableImageError:
        return None


def judge_lungs(model: Model, pictures: Sequence[Radiograph], resamples: int) -> dict[str, Any]:
    """Dice of both lungs; a film that is refused counts as 0."""
    scores = []
    for item in pictures:
        film = found_in(model, item.pixels, item.name)
        truth = item.labels > 1
        scores.append(0.0 if film is None else dice(film.lungs[0] > 0, truth))
    return _means({"lung_dice": scores}, [item.patient for item in pictures], resamples)


def judge_opacities(model: Model, pictures: Sequence[Radiograph], resamples: int) -> dict[str, Any]:
    """Dice of any opacity and of consolidation, and the error of the opaque share in points."""
    rows: dict[str, list[float]] = {"opacity_dice": [], "consolidation_dice": [], "points_off": []}
    for item in pictures:
        film = found_in(model, item.pixels, item.name)
        opaque = (item.labels & (GROUND_GLASS | CONSOLIDATION)) > 0
        solid = item.labels == CONSOLIDATION
        lungs = opaque | (item.labels > 1)
        found = np.zeros(opaque.shape, np.uint8) if film is None else film.opacities[0]
        percent = 0.0 if film is None else film.measure.opacity_percent
        rows["opacity_dice"].append(dice(found > 0, opaque) if opaque.any() else np.nan)
        rows["consolidation_dice"].append(dice(found == 2, solid) if solid.any() else np.nan)
        rows["points_off"].append(abs(percent - 100 * opaque.sum() / lungs.sum()))
    return _means(rows, [item.patient for item in pictures], resamples)


def judge_scores(
    model: Model, pictures: Sequence[ScoredRadiograph], resamples: int
) -> dict[str, Any]:
    """The model as one more rater of the six zones, beside how far two raters agree.

    Weighted (quadratic) kappa over zones, ICC(2,1) of the total, mean difference of the total, and
    the share of films in which a rater's total lies in the model's spread.
    """
    films = [found_in(model, item.pixels, item.name) for item in pictures]
    used = [k for k, film in enumerate(films) if film is not None and film.score.total is not None]
    scores = {
        "senior": np.array([pictures[k].senior for k in used], float),
        "junior": np.array([pictures[k].junior for k in used], float),
        "model": np.array([films[k].score.zones for k in used], float),  # type: ignore[union-attr]
    }
    spans = np.array([[films[k].score.low, films[k].score.high] for k in used], float)  # type: ignore[union-attr]

    def statistic(chosen: NDArray[np.intp]) -> dict[str, float]:
        found = {}
        for one, other in _PAIRS:
            a, b = scores[one][chosen], scores[other][chosen]
            name = f"{one}_{other}"
            found[f"kappa_{name}"] = _defined(lambda a=a, b=b: _kappa(a, b))
            totals = np.stack([a.sum(axis=1), b.sum(axis=1)], axis=1)
            found[f"icc_{name}"] = _defined(lambda t=totals: classical_icc(t)[1].icc)
            found[f"difference_{name}"] = float((totals[:, 0] - totals[:, 1]).mean())
        found["icc_gain"] = found["icc_model_senior"] - found["icc_senior_junior"]
        for rater in ("senior", "junior"):
            total = scores[rater][chosen].sum(axis=1)
            low, high = spans[chosen].T
            found[f"in_spread_{rater}"] = float(((low <= total) & (total <= high)).mean())
        return found

    measures = bootstrap(statistic, [pictures[k].patient for k in used], resamples=resamples)
    return {
        "films": len(pictures),
        "refused": len(pictures) - len(used),
        "measures": {name: vars(value) for name, value in measures.items()},
    }


def _kappa(one: NDArray, other: NDArray) -> float:
    return weighted_kappas([one.ravel(), other.ravel()], _GRADES, "quadratic")["cohen"]


def _defined(compute: Callable[[], float]) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(compute())


def _means(rows: dict[str, list[float]], patients: Sequence[str], resamples: int) -> dict[str, Any]:
    def means(chosen: NDArray[np.intp]) -> dict[str, float]:
        found = {}
        for name, values in rows.items():
            known = np.array(values)[chosen]
            known = known[np.isfinite(known)]
            found[name] = float(known.mean()) if len(known) else float("nan")
        return found

    measures = bootstrap(means, patients, resamples=resamples)
    return {"films": len(patients), "measures": {k: vars(v) for k, v in measures.items()}}
