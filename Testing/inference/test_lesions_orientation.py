"""A study gives the same lesions in space, however it was stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from medai.agreement import dice
from medai.inference import LesionOptions, segment_lesions
from medai.models import Model, ModelStore
from medai.phantoms import chest_ct
from medai.resources import resources_folder
from Testing.images.test_orientation import STORAGES, stored
from Testing.model_folders import write_model

PHANTOM = chest_ct(shape=(10, 64, 64), spacing_mm=(28.0, 5.4, 5.4), seed=1)


def assert_same_in_space(model: Model, options: LesionOptions, storages: list) -> None:
    reference = segment_lesions(PHANTOM.volume, model, options)
    inside = reference.lesions[reference.zones > 0] > 0
    assert np.count_nonzero(inside) > 200 and not inside.all()
    in_space = replace(PHANTOM.volume, array=reference.lesions)
    for axes, flips in storages:
        found = segment_lesions(stored(PHANTOM.volume, axes, flips), model, options)
        expected = stored(in_space, axes, flips).array
        assert dice(found.lesions > 0, expected > 0) >= 0.9999
        np.testing.assert_allclose(
            found.burden.right_opacity_percent, reference.burden.right_opacity_percent, rtol=1e-3
        )


def test_every_storage_gives_the_same_lesions_in_space(tmp_path: Path) -> None:
    # Random kernels answer to which way is up and which is right: fed a slice that is flipped,
    # they mark 1.5 in 1,000 voxels or more elsewhere.
    write_model(tmp_path / "tiny", "unet", ("opacity", "other"), width=4, classes=3)
    model = ModelStore([tmp_path]).load("tiny", task="lesions")
    probability = segment_lesions(PHANTOM.volume, model, LesionOptions(device="cpu")).probability
    middle = float(np.median(probability[probability > 0]))
    options = LesionOptions(device="cpu", mask_threshold=middle)
    assert len(STORAGES) == 48
    assert_same_in_space(model, options, STORAGES)


def test_the_recommended_model_finds_the_same_in_two_storages() -> None:
    model = ModelStore([resources_folder() / "Models"]).load(task="lesions")
    assert_same_in_space(model, LesionOptions(device="cpu"), STORAGES[7::24])
