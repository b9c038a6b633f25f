"""How far the percentage of opacity may be off, from the network's own probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medai.images import Volume
from medai.inference.lesions.result import LesionOptions
from medai.inference.lesions.rethreshold import large_enough, lesions_from_probability


def opacity_interval(
    volume: Volume,
    probability: NDArray[np.float16],
    likeliest: NDArray[np.uint8] | None,
    zones: NDArray[np.uint8],
    classes: int,
    options: LesionOptions,
    interval_probability: float,
) -> tuple[float, float] | None:
    """The 95 % interval of the percentage of opacity, (low, high); None without lungs.

    From the voxels that are lesion with a probability of at least 1 - ``interval_probability`` to
    those of at least ``interval_probability``, which was chosen so that the truth of 95 % of slices
    that the network had not seen lies between (``training.calibration``). Views that disagree give
    middling probabilities, and so a wide interval. What the lung mask leaves out is not in it.

    probability, likeliest, zones: (z, y, x) on the volume's grid. classes: how many the network
    tells apart. Regions below ``options.min_region_ml`` count in neither end.
    """
    lung_voxels = np.count_nonzero(zones)
    if not lung_voxels:
        return None
    ends = []
    for threshold in (1.0 - interval_probability, interval_probability):
        lesions = lesions_from_probability(probability, likeliest, threshold)
        lesions = large_enough(volume, lesions, classes, options)
        inside = sum(
            np.count_nonzero(plane[zone > 0]) for plane, zone in zip(lesions, zones, strict=True)
        )
        ends.append(100.0 * inside / lung_voxels)
    return ends[0], ends[1]
