"""Small eyes and the result that a perfect model would give for them."""

from __future__ import annotations

from functools import cache

import numpy as np

from medai.images.oct_scans import EyeScans, eye_from_volume
from medai.inference.cataract.lens_crop import propose_crop
from medai.inference.cataract.result import (
    CataractOptions,
    CataractResult,
    measure_map,
    threshold_of,
)
from medai.phantoms.lens_oct import LensPhantom, lens_oct
from medai.phantoms.lens_opacities import Opacity

SHAPE = (228, 269)
SCANS = 3


@cache
def small_eyes() -> dict[str, LensPhantom]:
    """A right eye with a nuclear cataract and a clear left eye."""
    dense = (Opacity("nuclear", density=0.8, radius_mm=2.0),)
    return {
        "right": lens_oct(SHAPE, SCANS, opacities=dense, seed=12),
        "left": lens_oct(SHAPE, SCANS, seed=13),
    }


def small_scans() -> tuple[EyeScans, ...]:
    """Both eyes as they are read."""
    return tuple(eye_from_volume(eye.volume, side) for side, eye in small_eyes().items())


def truth_result(scans: tuple[EyeScans, ...], card, options: CataractOptions) -> CataractResult:
    """The result of a model that knows the truth, for one of the small eyes or both."""
    maps = []
    for eye in scans:
        truth = small_eyes()[eye.eye]
        placed = eye.crops or (None,) * len(eye.names)
        crops = tuple(
            box or propose_crop(pixels, name)
            for box, pixels, name in zip(placed, eye.volume.array, eye.names, strict=True)
        )
        probability = truth.cataract.astype(np.float16)
        threshold = threshold_of(card, options)
        maps.append(measure_map(eye, crops, probability, truth.lens, truth.cataract, threshold))
    notes = ("About the model: phantoms only.",)
    return CataractResult(tuple(maps), card, options, "cpu", 0.5, notes)
