"""Simulated raters: what people of known habits would outline, given the truth.

A rater's boundary is the true one moved outward or inward by a bias and bent by smooth random
noise; some lesions are missed and some are seen where nothing is. Distances are in mm, so the same
rater treats every image alike, in 2D and 3D, whatever its spacing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai.errors import InputError


@dataclass(frozen=True)
class SimulatedRater:
    """The habits of one rater.

    shift_mm: mean distance of the outline from the true boundary, positive outward.
    roughness_mm: standard deviation of that distance along the boundary.
    smoothness_mm: length over which the boundary noise stays alike.
    miss_rate: probability (0..1) that a lesion of the mean size is missed; larger ones less often.
    false_lesions: mean number of lesions seen where there is none, per image.
    """

    name: str
    shift_mm: float = 0.0
    roughness_mm: float = 0.0
    smoothness_mm: float = 4.0
    miss_rate: float = 0.0
    false_lesions: float = 0.0


SIMULATED_RATERS: tuple[SimulatedRater, ...] = (
    SimulatedRater("AB", shift_mm=0.2, roughness_mm=0.8),
    SimulatedRater("CD", shift_mm=1.2, roughness_mm=1.2, false_lesions=0.3),
    SimulatedRater("EF", shift_mm=-0.8, roughness_mm=1.0, miss_rate=0.15),
    SimulatedRater("GH", shift_mm=0.0, roughness_mm=2.0, miss_rate=0.10, false_lesions=0.6),
)


def simulate_rating(
    truth: NDArray,
    spacing_mm: tuple[float, ...],
    rater: SimulatedRater,
    *,
    roi: NDArray | None = None,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """What ``rater`` outlines, 0 and 1 on the grid of ``truth``.

    truth: (z, y, x) or (y, x), non-zero where the lesion is. spacing_mm: along the same axes.
    roi: where anything may be marked; None is everywhere. The same seed gives the same outline.
    Raises InputError when spacing or region don't fit the grid.
    """
    truth = np.asarray(truth) != 0
    if len(spacing_mm) != truth.ndim or (roi is not None and roi.shape != truth.shape):
        raise InputError(
            f"Truth of shape {truth.shape}, spacing {spacing_mm}, region of shape "
            f"{None if roi is None else roi.shape}: expected them to fit each other."
        )
    generator = np.random.default_rng(seed)
    allowed = np.ones(truth.shape, bool) if roi is None else np.asarray(roi) != 0
    seen = _miss(truth, rater.miss_rate, generator)
    seen |= _false_lesions(truth, allowed, spacing_mm, rater.false_lesions, generator)
    if not seen.any():
        return np.zeros(truth.shape, np.uint8)
    outline = _signed_distance_mm(seen, spacing_mm) + rater.shift_mm
    if rater.roughness_mm > 0:
        field = _smooth_noise(truth.shape, spacing_mm, rater.smoothness_mm, generator)
        outline += rater.roughness_mm * field
    return ((outline > 0) & allowed).astype(np.uint8)


def _miss(
    truth: NDArray[np.bool_], rate: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    labels, count = ndimage.label(truth)
    if count == 0 or rate <= 0:
        return truth.copy()
    sizes = np.bincount(labels.ravel())[1:]
    chance = np.minimum(rate * np.sqrt(sizes.mean() / sizes), 1.0)
    kept = np.concatenate([[False], generator.random(count) >= chance])
    return kept[labels]


def _false_lesions(
    truth: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    mean_number: float,
    generator: np.random.Generator,
) -> NDArray[np.bool_]:
    found = np.zeros(truth.shape, bool)
    places = np.flatnonzero(allowed & ~truth)
    number = int(generator.poisson(mean_number)) if mean_number > 0 else 0
    if len(places) == 0 or number == 0:
        return found
    axes = [np.arange(n) * step for n, step in zip(truth.shape, spacing_mm, strict=True)]
    typical_mm = _typical_radius_mm(truth, spacing_mm)
    for _ in range(number):
        center = np.unravel_index(int(generator.choice(places)), truth.shape)
        radius = typical_mm * generator.uniform(0.4, 0.8)
        squares = [
            ((axis - axis[c]) / radius / generator.uniform(0.7, 1.4)) ** 2
            for axis, c in zip(axes, center, strict=True)
        ]
        found |= sum(np.ix_(*squares)) < 1.0
    return found & allowed


def _typical_radius_mm(truth: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> float:
    """Radius of a disc or ball as large as the mean lesion; a tenth of the image without any."""
    _, count = ndimage.label(truth)
    if count == 0:
        return 0.1 * min(n * step for n, step in zip(truth.shape, spacing_mm, strict=True))
    size = truth.sum() / count * float(np.prod(spacing_mm))
    flat = truth.ndim == 2 or truth.shape[0] == 1
    if flat:
        size /= spacing_mm[0] if truth.ndim == 3 else 1.0
        return float(np.sqrt(size / np.pi))
    return float(np.cbrt(size * 3 / (4 * np.pi)))


def _signed_distance_mm(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> NDArray[np.float64]:
    """Distance from the boundary, positive inside; the boundary runs between the voxels."""
    if mask.all():
        return np.full(mask.shape, np.inf)
    half = min(step for n, step in zip(mask.shape, spacing_mm, strict=True) if n > 1) / 2
    inside = ndimage.distance_transform_edt(mask, spacing_mm)
    outside = ndimage.distance_transform_edt(~mask, spacing_mm)
    return np.where(mask, inside - half, half - outside)


def _smooth_noise(
    shape: tuple[int, ...],
    spacing_mm: tuple[float, ...],
    smoothness_mm: float,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Gaussian noise of mean 0 and standard deviation 1, alike over ``smoothness_mm``."""
    sigma = [
        smoothness_mm / step if n > 1 else 0.0 for n, step in zip(shape, spacing_mm, strict=True)
    ]
    field = ndimage.gaussian_filter(generator.standard_normal(shape), sigma, mode="wrap")
    spread = field.std()
    return (field - field.mean()) / spread if spread > 0 else field
