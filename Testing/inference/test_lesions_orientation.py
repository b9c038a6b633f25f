"""A study gives the same lesions in space, however it was stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medai.agreement import dice
from medai.inference import LesionOptions, segment_lesions
from medai.models import ModelStore
from medai.phantoms import chest_ct
from medai.resources import resources_folder
from Testing.images.test_orientation import STORAGES, stored


def test_twelve_storages_give_the_same_lesions_in_space() -> None:
    phantom = chest_ct(shape=(20, 96, 96), spacing_mm=(14.0, 3.6, 3.6), seed=1)
    store = ModelStore([resources_folder() / "Models"])
    model = store.load(task="lesions")
    options = LesionOptions(device="cpu")
    reference = segment_lesions(phantom.volume, model, options)
    assert np.count_nonzero(reference.lesions) > 200
    in_space = replace(phantom.volume, array=reference.lesions)
    chosen = STORAGES[3::4]
    assert len(chosen) == 12
    for axes, flips in chosen:
        found = segment_lesions(stored(phantom.volume, axes, flips), model, options)
        expected = stored(in_space, axes, flips).array
        assert dice(found.lesions > 0, expected > 0) >= 0.999
        np.testing.assert_allclose(
            found.burden.right_opacity_percent, reference.burden.right_opacity_percent, rtol=1e-3
        )
