"""The shipped COVID-CT-Mask-Net points at lesions (the figure for 50 chests: benchmarks)."""

from __future__ import annotations

import numpy as np
import pytest

from medai.cancellation import never_cancelled
from medai.images import to_axial
from medai.inference.covid.slice_classifier import SliceClassifier
from medai.inference.covid.slices import plane_slices
from medai.models import ModelStore
from Testing.ill_chests import drawn_chest

MODEL = "covid-mask-net-r18-t1"
STORE = ModelStore()


@pytest.mark.skipif(
    MODEL not in {card.id for card in STORE.cards("covid")}, reason="the model is not shipped"
)
def test_the_maximum_of_the_score_map_lies_on_a_lesion() -> None:
    classifier = SliceClassifier(STORE.load(MODEL), "cpu", None)
    hits = 0
    for seed in (1001, 1002, 1003):
        phantom = drawn_chest(seed)
        slices = plane_slices(to_axial(phantom.volume), phantom.lungs, "axial")
        maps = [
            classifier.explain(picture, slices.pixel_mm, never_cancelled).map
            for picture in slices.pictures()
        ]
        best = int(np.argmax([part.max() for part in maps]))
        row, column = np.unravel_index(np.argmax(maps[best]), maps[best].shape)
        index, rows, columns = slices.place(best)
        where = (index, row + rows.start, column + columns.start)
        hits += bool(phantom.lesions[where])
    assert hits == 3
