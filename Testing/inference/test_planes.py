"""Segmentation in three directions: with a network whose answer is known, voxel by voxel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from medai.errors import InputError
from medai.images import Volume, lung_window, on_axial_grid
from medai.inference import LesionOptions, LesionResult, segment_lesions
from medai.inference.running.planes import PLANES, from_plane, in_plane
from medai.models import Model, ModelStore
from medai.phantoms import chest_ct
from medai.progress import Progress
from Testing.images.test_orientation import STORAGES, stored
from Testing.model_folders import write_ensemble, write_model

# Coarse and unequal along all axes.
PHANTOM = chest_ct(shape=(14, 48, 40), spacing_mm=(20.0, 6.6, 9.0), seed=2)
THREE = LesionOptions(planes=PLANES, device="cpu")
THRESHOLD_HU = -700.0


class AboveThreshold(nn.Module):
    """Probability near 1 above THRESHOLD_HU of the lung window, near 0 below."""

    classes = 2

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        grey = float(lung_window(np.array([THRESHOLD_HU]))[0])
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.layer.weight.data[1] = 255.0 * std
        self.layer.bias.data[1] = 255.0 * mean - grey

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    tiny = {"in_channels": 1, "classes": 2, "width": 4}
    write_model(folder / "threshold", "unet", ("lesion",), size=160, **tiny)
    write_model(folder / "regions", "lesion_mask_rcnn", ("lesion",), size=64)
    two = ("ground-glass opacity", "consolidation")
    write_model(folder / "kinds", "unet", two, in_channels=1, classes=3, width=4)
    write_model(folder / "region-kinds", "lesion_mask_rcnn", two, size=64, lesion_classes=2)
    write_ensemble(folder / "both", "threshold", "regions")
    return ModelStore([folder])


@pytest.fixture(scope="module")
def threshold(store: ModelStore) -> Model:
    card = store.card("threshold")
    assert card.input is not None
    network = AboveThreshold(card.input.mean, card.input.std).eval().requires_grad_(False)
    return Model(card, network)


def segment(volume: Volume, model: Model, lungs: np.ndarray, **options: object) -> LesionResult:
    chosen = replace(THREE, lungs=replace(volume, array=lungs), **options)
    return segment_lesions(volume, model, chosen)


@pytest.mark.parametrize("plane", PLANES)
def test_a_plane_and_back_is_the_same_array(plane: str) -> None:
    array = np.arange(60).reshape(3, 4, 5)
    np.testing.assert_array_equal(from_plane(in_plane(array, plane), plane), array)
    rows = in_plane(array, plane)[0][:, 0]
    # Rows run toward the back, or toward the feet.
    assert (np.diff(rows) == (5 if plane == "axial" else -20)).all()


@pytest.mark.parametrize("storage", STORAGES[3::16])
def test_the_fused_map_lands_on_the_right_voxels_however_it_is_stored(
    storage: tuple, threshold: Model
) -> None:
    volume = stored(PHANTOM.volume, *storage)
    lungs = stored(replace(PHANTOM.volume, array=PHANTOM.lungs), *storage).array
    found = segment(volume, threshold, lungs)
    inside = lungs > 0
    hu = volume.array.astype(float)
    assert not found.probability[~inside].any()
    # Frames resample, so voxels beside a border of densities may fall on either side.
    dense, thin = inside & (hu > THRESHOLD_HU + 100), inside & (hu < THRESHOLD_HU - 100)
    assert (found.probability[dense] > 0.5).mean() > 0.99
    assert (found.probability[thin] < 0.5).mean() > 0.99
    for axis in range(3):
        shifted = np.roll(found.probability, 1, axis=axis)
        assert (shifted[dense] > 0.5).mean() < 0.9


def test_at_equal_pixels_the_fused_map_is_the_threshold_to_the_voxel(store: ModelStore) -> None:
    # A cube whose lungs fill it, in a frame of its own size: nothing is resampled.
    card = store.card("threshold")
    assert card.input is not None
    size = 40
    card = replace(card, input=replace(card.input, size=(size, size)))
    model = Model(card, AboveThreshold(card.input.mean, card.input.std).eval())
    rng = np.random.default_rng(5)
    hu = rng.choice(np.array([-900, -500], np.int16), (size, size, size))
    lungs = np.ones(hu.shape, np.uint8)
    lungs[..., size // 2 :] = 2
    volume = Volume(hu, np.diag([-3.0, -3.0, 3.0, 1.0]), "CT", "cube")
    found = segment(volume, model, lungs)
    np.testing.assert_array_equal(found.lesions > 0, hu == -500)
    assert found.options.planes == PLANES


def test_axial_alone_is_what_it_always_was(threshold: Model) -> None:
    lungs = replace(PHANTOM.volume, array=PHANTOM.lungs)
    plain = segment_lesions(PHANTOM.volume, threshold, LesionOptions(lungs=lungs, device="cpu"))
    named = segment(PHANTOM.volume, threshold, PHANTOM.lungs, planes=("axial",))
    np.testing.assert_array_equal(plain.probability, named.probability)
    coronal = segment(PHANTOM.volume, threshold, PHANTOM.lungs, planes=("coronal",))
    assert (coronal.probability != plain.probability).any()


def test_three_directions_are_the_mean_of_each(threshold: Model) -> None:
    each = [segment(PHANTOM.volume, threshold, PHANTOM.lungs, planes=(plane,)) for plane in PLANES]
    fused = segment(PHANTOM.volume, threshold, PHANTOM.lungs)
    mean = np.mean([part.probability.astype(float) for part in each], axis=0)
    # Tips of the lungs are looked at in some directions only, whose mean is then higher.
    middle = np.zeros(mean.shape, bool)
    middle[4:-4, 14:-14, 10:-10] = PHANTOM.lungs[4:-4, 14:-14, 10:-10] > 0
    np.testing.assert_allclose(fused.probability[middle], mean[middle], atol=2e-3)
    assert (fused.probability.astype(float) >= mean - 2e-3).all()


def test_slices_are_shown_to_the_network_in_real_proportions(threshold: Model) -> None:
    seen: list[tuple[int, int]] = []

    class Watching(AboveThreshold):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            filled = images[0, 0] > images.min()
            seen.append((int(filled.any(dim=1).sum()), int(filled.any(dim=0).sum())))
            return super().forward(images)

    assert threshold.card.input is not None
    given = threshold.card.input
    model = Model(threshold.card, Watching(given.mean, given.std).eval())
    segment(PHANTOM.volume, model, PHANTOM.lungs, planes=("coronal",))
    lungs = in_plane(on_axial_grid(PHANTOM.volume, PHANTOM.lungs), "coronal") > 0
    high, wide = (np.ptp(np.flatnonzero(lungs.any(axis=other))) for other in ((0, 2), (0, 1)))
    expected = high * 20.0 / (wide * 9.0)
    rows, columns = np.array(seen).max(axis=0)
    assert rows / columns == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("model_id", ["kinds", "region-kinds", "both"])
def test_every_kind_of_model_runs_in_three_directions(model_id: str, store: ModelStore) -> None:
    model = store.load(model_id)
    told: list[Progress] = []
    lungs = replace(PHANTOM.volume, array=PHANTOM.lungs)
    found = segment_lesions(
        PHANTOM.volume, model, replace(THREE, lungs=lungs, mask_threshold=0.01), told.append
    )
    assert found.rois is None
    assert found.score_map is None
    assert found.options.score_threshold is None
    assert found.lesions.max() <= len(model.classes)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert any(step.message.endswith(", sagittal") for step in told)


def test_unknown_directions_are_refused() -> None:
    with pytest.raises(InputError, match="Planes oblique: expected some of axial, coronal"):
        LesionOptions(planes=("oblique",))
    with pytest.raises(InputError, match="Planes none"):
        LesionOptions(planes=())


def test_the_command_takes_planes(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from medai.cli import run
    from medai.images import write_volume

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    tiny = {"in_channels": 1, "classes": 2, "width": 4}
    write_model(tmp_path / "home" / "MedAI" / "Models" / "tiny", "unet", ("lesion",), **tiny)
    study, out = tmp_path / "chest.nrrd", tmp_path / "out"
    write_volume(PHANTOM.volume, study)
    words = ["segment", str(study), "-o", str(out), "--model", "tiny", "--device", "cpu"]
    assert run([*words, "--plane", "axial", "--plane", "sagittal"]) == 0
    assert json.loads((out / "summary.json").read_text())["options"]["directions"] == [
        "axial",
        "sagittal",
    ]
    assert run([*words, "--overwrite", "--plane", "slanted"]) == 2
