"""The shipped cataract model on phantom eyes that no training run draws."""

from __future__ import annotations

import numpy as np
import pytest

from medai.images.oct_scans import eye_from_volume
from medai.inference.cataract.mapping import map_cataract
from medai.inference.cataract.result import CataractOptions
from medai.models import ModelStore
from medai.phantoms.lens_oct import lens_oct, lens_patient
from medai.phantoms.lens_opacities import Opacity

SHAPE = (456, 538)


@pytest.fixture(scope="module")
def model():
    return ModelStore().load(task="cataract")


def test_the_card_says_that_it_is_no_diagnosis_and_the_weights_are_small(model) -> None:
    store = ModelStore()
    assert "phantom" in model.card.training.data
    assert "not a diagnosis" in model.card.summary
    weights = store.folder(model.card.id) / model.card.weights.file
    assert weights.stat().st_size < 10_000_000
    store.verify(model.card.id)


@pytest.mark.parametrize("patient", [200_001, 200_002])
def test_fractions_of_unseen_eyes_are_near_the_truth(model, patient: int) -> None:
    eyes = lens_patient(patient, cataract=patient % 2 == 1, shape=SHAPE, scans=2)
    for phantom in eyes:
        found = map_cataract(eye_from_volume(phantom.volume), model).eyes[0]
        both = (found.lens & phantom.lens).sum()
        assert 2 * both / (found.lens.sum() + phantom.lens.sum()) > 0.97
        truth = phantom.fractions.mean()
        assert abs(found.summary.cataract_fraction - truth) < 0.15
        clear = found.summary.cataract_fraction < model.card.decision.threshold
        assert clear == (truth == 0)


def test_a_nuclear_cataract_is_called_nuclear_and_mapped_where_it_is(model) -> None:
    phantom = lens_oct(SHAPE, 2, opacities=(Opacity("nuclear", 0.7, 2.2),), seed=31)
    found = map_cataract(eye_from_volume(phantom.volume), model).eyes[0]
    assert found.summary.mostly == "nuclear"
    both = (found.cataract & phantom.cataract).sum()
    assert 2 * both / (found.cataract.sum() + phantom.cataract.sum()) > 0.8
    assert found.probability[phantom.cataract].mean() > 0.7
    assert found.probability[phantom.lens & ~phantom.cataract].mean() < 0.2


def test_scan_size_and_mirror_average_change_the_fraction_little(model) -> None:
    opacity = (Opacity("nuclear", 0.7, 2.2),)
    fractions = []
    for shape in ((456, 538), (912, 1075)):
        volume = lens_oct(shape, 1, opacities=opacity, seed=31).volume
        for flip in (False, True):
            options = CataractOptions(flip_average=flip)
            result = map_cataract(eye_from_volume(volume), model, options)
            fractions.append(result.eyes[0].summary.cataract_fraction)
    assert np.ptp(fractions) < 0.06
