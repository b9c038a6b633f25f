"""Lungs and opacities of a film that a hand corrected, measured as a network's are; no torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.inference.xray.result import XrayResult
from medai.measures.radiograph import measure_radiograph, six_zones


def corrected(
    own: XrayResult, lungs: NDArray[np.uint8], opacities: NDArray[np.uint8]
) -> XrayResult:
    """A network's result of one film with these masks; ``own`` when they are its own.

    own: as the network gave it; it is kept in ``of_network``. lungs (1 right, 2 left), opacities
    (1 ground-glass, 2 consolidation): (1, y, x) on the film's pixels; opacity outside the lungs
    does not count. The six-zone score stays the network's, which looked at its own zones. Raises
    InputError where a shape is not the film's.
    """
    (film,) = own.films
    if not lungs.shape == opacities.shape == film.lungs.shape:
        raise InputError(
            f"{film.volume.name}: masks of shape {lungs.shape} and {opacities.shape}, expected "
            f"{film.lungs.shape}."
        )
    opacities = np.where(lungs > 0, opacities, 0).astype(np.uint8)
    if np.array_equal(lungs, film.lungs) and np.array_equal(opacities, film.opacities):
        return own
    zones = six_zones(lungs[0])
    measure = measure_radiograph(lungs[0], opacities[0], zones)
    before = film.measure.opacity_percent
    told = (
        f"Corrected by hand: opacity {measure.opacity_percent:.1f} % of the lungs instead of "
        f"{before:.1f} %. The six-zone score is still the network's own."
    )
    by_hand = replace(film, lungs=lungs, opacities=opacities, zones=zones[None], measure=measure)
    return replace(own, films=(by_hand,), notes=(told, *own.notes), of_network=own)
