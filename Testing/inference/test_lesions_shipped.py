"""The shipped lesion networks: the fast way finds what plain float32 finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medai.images import on_axial_grid, to_axial
from medai.inference.lesions.rethreshold import lesions_from_regions
from medai.inference.lesions.slice_networks import run_networks
from medai.inference.running.lung_slices import lung_slices
from medai.models import ModelStore
from medai.phantoms import chest_ct
from medai.resources import resources_folder

STORE = ModelStore([resources_folder() / "Models"])
SINGLE = [card.id for card in STORE.cards("lesions") if card.ensemble is None]


@pytest.fixture(scope="module")
def slices():
    phantom = chest_ct(shape=(8, 192, 192), spacing_mm=(36.0, 1.8, 1.8), seed=4)
    lungs = on_axial_grid(phantom.volume, phantom.lungs)
    return lung_slices(to_axial(phantom.volume), lungs), lungs > 0


def answer(model_id: str, slices, dtype: torch.dtype, monkeypatch):
    for module in ("acceleration", "regions"):
        monkeypatch.setattr(f"medai.inference.running.{module}.fast_dtype", lambda device: dtype)
    return run_networks(STORE.load(model_id), slices, device="cpu")


@pytest.mark.parametrize("model_id", SINGLE)
def test_bfloat16_changes_probabilities_by_less_than_a_hundredth(model_id, slices, monkeypatch):
    cropped, inside = slices
    exact = answer(model_id, cropped, torch.float32, monkeypatch)
    fast = answer(model_id, cropped, torch.bfloat16, monkeypatch)
    difference = np.abs(exact.probability.astype(float) - fast.probability)[inside]
    assert difference.mean() < 0.01
    masks = [
        lesions_from_regions(a.rois, inside, 0.75, 0.5) > 0
        if a.rois is not None
        else (a.probability >= 0.5) & inside
        for a in (exact, fast)
    ]
    assert masks[0].sum() > 200
    dice = 2 * np.count_nonzero(masks[0] & masks[1]) / (masks[0].sum() + masks[1].sum())
    assert dice >= 0.99
