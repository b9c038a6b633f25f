"""The lungs that users' code finds, judged on slices with lung masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.images.volume import Volume
from medai.measures import segment_lungs
from training.bootstrap import bootstrap
from training.judging import overlap
from training.real_lungs import RealLungs

# What the slices were resampled to is not stated; 256 pixels across a chest are about this wide.
PIXEL_MM = 1.4
_SLICE_MM = 5.0


def slice_volume(item: RealLungs) -> Volume:
    """One slice in display orientation as a CT volume (1, y, x) of one slice."""
    ijk_to_ras = np.diag([-PIXEL_MM, -PIXEL_MM, _SLICE_MM, 1.0])
    return Volume(item.hu[None], ijk_to_ras, "CT", item.name)


def judge_lungs(slices: Sequence[RealLungs], *, resamples: int = 1000) -> dict[str, Any]:
    """Dice, IoU, sensitivity and precision of the lung mask, means over slices of one study each.

    Intervals resample slices. Returns measures by name, and every slice's own figures.
    """
    rows = [overlap(segment_lungs(slice_volume(item)).labels[0] > 0, item.lungs) for item in slices]

    def means(chosen: NDArray[np.intp]) -> dict[str, float]:
        return {name: float(np.mean([rows[i][name] for i in chosen])) for name in rows[0]}

    measures = bootstrap(means, [item.name for item in slices], resamples=resamples)
    return {
        "measures": {name: vars(value) for name, value in measures.items()},
        "pictures": [
            {"name": item.name} | {k: round(v, 4) for k, v in row.items()}
            for item, row in zip(slices, rows, strict=True)
        ],
    }
