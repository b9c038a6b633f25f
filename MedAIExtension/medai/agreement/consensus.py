"""One segmentation from several: majority, Dawid and Skene's model, STAPLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from medai.agreement.patterns import RatingPatterns, rating_patterns
from medai.agreement.ratings import check_masks, check_roi
from medai.errors import RatingError

Array = NDArray[np.float64]

_MOST_ITERATIONS = 10_000
_TOLERANCE = 1e-9
_STAPLE_START = 0.99999
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the raters say together.

    mask: uint8 (*grid), 1 where ``probability`` > 0.5; 0 outside the region of interest.
    probability: float32 (*grid), of the unit being marked; 0 outside the region of interest.
    tied_units: units of exactly one half, which ``mask`` leaves unmarked.
    prevalence: expected share of marked units in the region of interest.
    sensitivity, specificity: (raters,), as the model estimates them; None for the majority.
    iterations, converged: of the estimation; 0 and True for the majority.
    """

    mask: NDArray[np.uint8]
    probability: NDArray[np.float32]
    method: str
    tied_units: int
    prevalence: float
    sensitivity: Array | None
    specificity: Array | None
    iterations: int
    converged: bool


def majority(masks: ArrayLike | Sequence[ArrayLike], roi: ArrayLike | None = None) -> Consensus:
    """Marked where more than half of the raters marked; a tie is unmarked and counted.

    masks: (raters, *grid) of 0 and 1, at least 1 rater. roi: (*grid) or None.

    >>> result = majority([[1, 1, 0, 0], [1, 0, 0, 0]])
    >>> result.mask.tolist(), result.tied_units
    ([1, 0, 0, 0], 1)
    """
    grids = check_masks(masks)
    patterns = rating_patterns(grids, roi)
    share = (patterns.ratings == 1).mean(axis=1)
    return _consensus("majority", grids, roi, patterns, share, None, None, 0, True)


def dawid_skene(masks: ArrayLike | Sequence[ArrayLike], roi: ArrayLike | None = None) -> Consensus:
    """The truth as a hidden class, each rater with a sensitivity and a specificity, by EM.

    Starts from the raters' shares; the prevalence is estimated with the rest. It needs no copy of
    the image: the E and M steps run on pattern counts. With fewer than 3 raters the model is not
    identified, and what it gives rests on its start.
    masks: (raters, *grid) of 0 and 1, at least 2 raters. roi: (*grid) or None.
    Raises RatingError as rating_patterns does.
    Source: Dawid and Skene 1979, J. R. Stat. Soc. C 28(1), 20-28.

    >>> masks = np.zeros((3, 10, 10), dtype=np.uint8)
    >>> masks[:, 2:8, 2:8] = 1
    >>> masks[2, 2:8, 6:] = 0
    >>> result = dawid_skene(masks)
    >>> result.sensitivity.round(2).tolist(), int(result.mask.sum())
    ([1.0, 1.0, 0.67], 36)
    """
    grids = check_masks(masks, least=2)
    patterns = rating_patterns(grids, roi)
    return _model("dawid_skene", grids, roi, patterns, fixed_prevalence=None)


def staple(masks: ArrayLike | Sequence[ArrayLike], roi: ArrayLike | None = None) -> Consensus:
    """STAPLE: Dawid and Skene's binary model with the prior fixed at the mean share marked.

    Starts from sensitivities and specificities of 0.99999, as ITK's filter does.
    masks: (raters, *grid) of 0 and 1, at least 2 raters. roi: (*grid) or None; STAPLE's answer
        depends on it, since everything outside counts as agreed background otherwise.
    Raises RatingError as rating_patterns does.
    Source: Warfield, Zou and Wells 2004, IEEE Trans. Med. Imaging 23(7), 903-921.

    >>> masks = np.zeros((3, 10, 10), dtype=np.uint8)
    >>> masks[:, 2:8, 2:8] = 1
    >>> masks[2, 2:8, 6:] = 0
    >>> int(staple(masks).mask.sum())
    36
    """
    grids = check_masks(masks, least=2)
    patterns = rating_patterns(grids, roi)
    prior = float((patterns.counts[:, None] * (patterns.ratings == 1)).mean(axis=1).sum())
    return _model("staple", grids, roi, patterns, fixed_prevalence=prior / patterns.units)


def band_staple(
    masks: ArrayLike | Sequence[ArrayLike], roi: ArrayLike | None = None, *, margin: int = 2
) -> Consensus:
    """STAPLE where raters differ and ``margin`` units around; elsewhere what all of them say.

    Far background that everybody leaves unmarked makes each rater's specificity almost 1, and then
    a few votes outweigh the rest at the edges: STAPLE over the whole image draws too much. Near the
    edges alone, raters make mistakes of both kinds.
    masks, roi: as ``staple``. Raises as ``staple``. sensitivity, specificity: within the band; None
    where nobody differs.

    >>> masks = np.zeros((3, 10, 10), dtype=np.uint8)
    >>> masks[:, 2:8, 2:8] = 1
    >>> masks[2, 2:8, 6:] = 0
    >>> int(band_staple(masks).mask.sum())
    36
    """
    grids = check_masks(masks, least=2)
    stacked = np.stack([grid != 0 for grid in grids])
    everybody = stacked.all(axis=0)
    band = ndimage.binary_dilation(stacked.any(axis=0) & ~everybody, iterations=margin)
    region = check_roi(roi, grids[0].shape)
    inside = np.ones(band.shape, bool) if region is None else region
    band &= inside
    whole = majority(grids, roi)
    if not band.any():
        return replace(whole, method="band_staple")
    within = staple(grids, band)
    agreed = everybody & inside
    probability = np.where(band, within.probability, agreed).astype(np.float32)
    return replace(
        within,
        method="band_staple",
        mask=np.where(band, within.mask, agreed).astype(np.uint8),
        probability=probability,
        prevalence=float(probability[inside].mean()),
    )


def disagreement(
    masks: ArrayLike | Sequence[ArrayLike], roi: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Entropy of the ratings of each unit in bits: 0 all alike, 1 divided in half.

    masks: (raters, *grid) of 0 and 1. Returns (*grid), nan outside the region of interest.

    >>> disagreement([[0, 1, 1], [0, 0, 1]]).tolist()
    [0.0, 1.0, 0.0]
    """
    grids = check_masks(masks)
    rating_patterns(grids, roi)
    share = np.arange(len(grids) + 1) / len(grids)
    inner = share[1:-1]
    entropy = np.zeros(len(grids) + 1, dtype=np.float32)
    entropy[1:-1] = -(inner * np.log2(inner) + (1 - inner) * np.log2(1 - inner))
    votes = np.zeros(grids[0].shape, dtype=np.uint8)
    for grid in grids:
        np.add(votes, grid, out=votes, casting="unsafe")
    result = entropy[votes]
    region = check_roi(roi, grids[0].shape)
    if region is not None:
        result[~region] = np.nan
    return result


def _model(
    method: str,
    grids: list[NDArray],
    roi: ArrayLike | None,
    patterns: RatingPatterns,
    fixed_prevalence: float | None,
) -> Consensus:
    marked = (patterns.ratings == 1).astype(np.float64)
    counts = patterns.counts.astype(np.float64)
    total = counts.sum()
    if fixed_prevalence is None:
        truth = marked.mean(axis=1)
    else:
        start = np.full(marked.shape[1], _STAPLE_START)
        truth = _posterior(marked, fixed_prevalence, start, start)
    sensitivity = specificity = np.empty(0)
    prevalence = fixed_prevalence if fixed_prevalence is not None else 0.0
    iterations, converged = 0, False
    while iterations < _MOST_ITERATIONS and not converged:
        iterations += 1
        positive, negative = counts * truth, counts * (1.0 - truth)
        sensitivity = _rate(positive @ marked, positive.sum())
        specificity = _rate(negative @ (1.0 - marked), negative.sum())
        if fixed_prevalence is None:
            prevalence = float(positive.sum() / total)
        renewed = _posterior(marked, prevalence, sensitivity, specificity)
        converged = bool(np.abs(renewed - truth).max() < _TOLERANCE)
        truth = renewed
    return _consensus(
        method, grids, roi, patterns, truth, sensitivity, specificity, iterations, converged
    )


def _rate(part: Array, whole: float) -> Array:
    return np.clip(part / whole, 0.0, 1.0) if whole > 0 else np.full(part.shape, np.nan)


def _posterior(marked: Array, prior: float, sensitivity: Array, specificity: Array) -> Array:
    if not np.isfinite(sensitivity).all() or not np.isfinite(specificity).all():
        # One class is empty: every unit belongs to the other.
        return np.full(len(marked), 0.0 if not np.isfinite(sensitivity).all() else 1.0)

    def log(values: Array | float) -> Array:
        return np.log(np.maximum(values, _LEAST))

    yes = log(prior) + marked @ log(sensitivity) + (1 - marked) @ log(1 - sensitivity)
    no = log(1 - prior) + (1 - marked) @ log(specificity) + marked @ log(1 - specificity)
    return 1.0 / (1.0 + np.exp(np.clip(no - yes, -700, 700)))


def _consensus(
    method: str,
    grids: list[NDArray],
    roi: ArrayLike | None,
    patterns: RatingPatterns,
    share: Array,
    sensitivity: Array | None,
    specificity: Array | None,
    iterations: int,
    converged: bool,
) -> Consensus:
    probability = _spread(grids, roi, patterns, share)
    chosen = _spread(grids, roi, patterns, (share > 0.5).astype(np.float64))
    if not np.isfinite(share).all():
        raise RatingError(f"{method}: the estimation left the numbers; expected some variation.")
    return Consensus(
        mask=chosen.astype(np.uint8),
        probability=probability,
        method=method,
        tied_units=int(patterns.counts[share == 0.5].sum()),
        prevalence=float((patterns.counts * share).sum() / patterns.units),
        sensitivity=sensitivity,
        specificity=specificity,
        iterations=iterations,
        converged=converged,
    )


def _spread(
    grids: list[NDArray], roi: ArrayLike | None, patterns: RatingPatterns, values: Array
) -> NDArray[np.float32]:
    """Give every unit the value of its pattern; 0 outside the region of interest."""
    raters = len(grids)
    table = np.zeros(1 << raters, dtype=np.float32)
    places = (patterns.ratings.astype(np.int64) << np.arange(raters)).sum(axis=1)
    table[places] = values
    code = np.zeros(grids[0].shape, dtype=np.min_scalar_type((1 << raters) - 1))
    for bit, grid in enumerate(grids):
        code |= (grid != 0).astype(code.dtype) << code.dtype.type(bit)
    spread = table[code]
    region = check_roi(roi, grids[0].shape)
    if region is not None:
        spread[~region] = 0.0
    return spread
