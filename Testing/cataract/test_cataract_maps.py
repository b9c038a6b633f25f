"""Maps in the scans' own pixels: known patterns, crops, scales, tiles, mirror, cancel, errors."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from medai.errors import (
    CancelledError,
    InputError,
    ModelShapeError,
    ModelTaskError,
    UnsuitableImageError,
)
from medai.images.crop_box import CropBox
from medai.images.oct_scans import EyeScans, eye_from_volume
from medai.images.volume import Volume
from medai.inference.cataract.mapping import map_cataract
from medai.inference.cataract.result import CataractOptions, rejudge
from medai.inference.running.tiles import run_tiled
from medai.phantoms.lens_oct import lens_oct

LENS, CATARACT = 120, 240


def _pattern(shape: tuple[int, int], lens: CropBox, opaque: CropBox) -> Volume:
    pixels = np.zeros((1, *shape), np.uint8)
    pixels[(0, *lens.slices)] = LENS
    pixels[(0, *opaque.slices)] = CATARACT
    return Volume(pixels, np.eye(4), "OPT", "pattern", has_spacing=False)


def _placed(volume: Volume, crop: CropBox) -> EyeScans:
    """The scans with a crop that was placed by hand: a pattern has no cornea."""
    return replace(eye_from_volume(volume), crops=(crop,) * volume.grid_shape[0])


def _edges(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(
    ("shape", "crop", "side"),
    [
        ((1824, 2150), CropBox(525, 362, 1625, 1462), 550),
        ((455, 537), CropBox(100, 90, 375, 365), 137),
        ((455, 537), CropBox(0, 0, 275, 301), 275),
        ((455, 537), CropBox(262, 154, 537, 455), 201),
        ((301, 333), CropBox(33, 31, 300, 290), 170),
    ],
)
def test_a_known_pattern_comes_back_to_its_pixels(
    grey_model, shape: tuple[int, int], crop: CropBox, side: int
) -> None:
    width, height = crop.width, crop.height
    lens = CropBox(crop.left + width // 5, crop.top + height // 6, 0, 0)
    lens = CropBox(lens.left, lens.top, lens.left + width // 2, lens.top + height // 2)
    opaque = CropBox(lens.left + 7, lens.top + 9, lens.left + width // 4, lens.top + height // 4)
    result = map_cataract(
        _placed(_pattern(shape, lens, opaque), crop),
        grey_model(side),
        CataractOptions(device="cpu"),
    )
    eye = result.eyes[0]
    assert (
        np.abs(
            np.subtract(_edges(eye.lens[0]), (lens.left, lens.top, lens.right, lens.bottom))
        ).max()
        <= 1
    )
    found = _edges(eye.cataract[0])
    truth = (opaque.left, opaque.top, opaque.right, opaque.bottom)
    assert np.abs(np.subtract(found, truth)).max() <= 1
    assert eye.probability.shape == eye.lens.shape == (1, *shape)


def test_outside_the_crop_everything_is_zero(grey_model) -> None:
    lens = CropBox(105, 90, 325, 310)
    volume = _pattern((400, 500), lens, lens)
    crop = CropBox(120, 101, 311, 295)
    eye = map_cataract(_placed(volume, crop), grey_model()).eyes[0]
    outside = np.ones((400, 500), bool)
    outside[crop.slices] = False
    assert not eye.probability[0][outside].any()
    assert not eye.lens[0][outside].any()
    assert eye.cataract[0][~outside].all()
    assert eye.probability[0][~outside].min() > 0.9


def test_boxes_of_the_scans_win_over_the_option(grey_model) -> None:
    phantom = lens_oct((228, 269), 2, seed=1)
    placed = CropBox(10, 20, 100, 110)
    eye = replace(eye_from_volume(phantom.volume), crops=(placed, None))
    crops = map_cataract(eye, grey_model(), CataractOptions(crop="center")).eyes[0].crops
    assert crops[0] == placed
    assert crops[1].width == crops[1].height == 138


def test_tiles_give_what_one_pass_gives(grey_model) -> None:
    network = grey_model().network
    x = torch.rand(2, 1, 150, 215, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = network(x).softmax(1)
        tiled = run_tiled(network, x, 64)
    assert torch.allclose(whole, tiled, atol=1e-5)
    assert torch.allclose(tiled.sum(1), torch.ones(2, 150, 215), atol=1e-5)


def test_tiles_fed_are_of_the_trained_side() -> None:
    sizes = []

    class Watching(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            sizes.append(tuple(x.shape[-2:]))
            return x.repeat(1, 3, 1, 1) * self.one

    with torch.inference_mode():
        run_tiled(Watching(), torch.zeros(1, 1, 60, 170), 64)
    assert set(sizes) == {(60, 64)}
    assert len(sizes) == 4


def test_averaging_with_the_mirrored_scan_makes_the_map_mirror_with_the_scan(grey_model) -> None:
    class Sided(torch.nn.Module):
        """A network that sees cataract on the left only."""

        in_channels = 1

        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            ramp = torch.linspace(4, -4, x.shape[-1], dtype=x.dtype).expand_as(x) * self.one
            return torch.cat([-8 + 0 * x, -ramp, ramp], dim=1)

    model = replace(grey_model(), network=Sided())
    pattern = _pattern((300, 300), CropBox(80, 80, 220, 220), CropBox(90, 90, 200, 200))
    scans = _placed(pattern, CropBox(60, 60, 240, 240))
    averaged = CataractOptions(flip_average=True)
    single = map_cataract(scans, model).eyes[0].probability[0]
    both = map_cataract(scans, model, averaged).eyes[0].probability[0]
    assert single[150, 70] > 0.9 > 0.1 > single[150, 230]
    assert np.abs(both - both[:, ::-1]).max() < 0.01


def test_the_fraction_of_a_known_pattern_is_known(grey_model) -> None:
    lens, opaque = CropBox(100, 100, 300, 300), CropBox(100, 100, 300, 150)
    scans = _placed(_pattern((400, 400), lens, opaque), CropBox(60, 60, 340, 340))
    result = map_cataract(scans, grey_model())
    summary = result.eyes[0].summary
    assert summary.cataract_fraction == pytest.approx(0.25, abs=0.006)
    assert summary.threshold == 0.2
    assert "0.2 or more: consistent with cataract, not a diagnosis" in result.sentence
    assert result.notes[0].startswith("About the model: It only knows grey levels.")
    stricter = rejudge(result, 0.5)
    assert "below 0.5: consistent with a clear lens" in stricter.sentence
    assert stricter.eyes[0].probability is result.eyes[0].probability


def test_both_eyes_come_back_in_order_with_progress(grey_model) -> None:
    eyes = [
        eye_from_volume(lens_oct((228, 269), 2, seed=seed).volume, side)
        for seed, side in ((1, "right"), (2, "left"))
    ]
    seen: list[float] = []
    result = map_cataract(eyes, grey_model(), progress=lambda p: seen.append(p.fraction))
    assert [eye.scans.label for eye in result.eyes] == ["Right eye", "Left eye"]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    again = pickle.loads(pickle.dumps(result))
    assert np.array_equal(again.eyes[1].probability, result.eyes[1].probability)


def test_cancelling_ends_the_work(grey_model) -> None:
    volume = lens_oct((228, 269), 2, seed=1).volume
    with pytest.raises(CancelledError):
        map_cataract(volume, grey_model(), cancelled=lambda: True)


def test_batches_of_boxes_of_different_size_keep_their_order(grey_model) -> None:
    phantom = lens_oct((228, 269), 3, seed=1)
    boxes = (CropBox(0, 0, 100, 100), CropBox(5, 5, 95, 125), CropBox(20, 30, 120, 130))
    eye = replace(eye_from_volume(phantom.volume), crops=boxes)
    one = map_cataract(eye, grey_model(), CataractOptions(batch_size=1)).eyes[0]
    three = map_cataract(eye, grey_model(), CataractOptions(batch_size=3)).eyes[0]
    assert np.array_equal(one.lens, three.lens)


def test_a_crop_outside_the_picture_is_refused(grey_model) -> None:
    volume = lens_oct((228, 269), 1).volume
    with pytest.raises(InputError, match="269 wide and 228 high"):
        map_cataract(volume, grey_model(), CataractOptions(crop=CropBox(200, 0, 300, 100)))


def test_a_picture_without_an_eye_is_refused(grey_model) -> None:
    rng = np.random.default_rng(0)
    noise = Volume(rng.integers(0, 60, (1, 200, 240), np.uint8), np.eye(4), "", "noise")
    with pytest.raises(UnsuitableImageError, match="no cornea with a lens"):
        map_cataract(noise, grey_model())


def _with_artificial_lens(volume: Volume, scans: slice) -> Volume:
    """Everything below the cornea dark, as behind an artificial lens that scatters nothing."""
    pixels = volume.array.copy()
    pixels[scans, pixels.shape[1] // 3 :] = 0
    return replace(volume, array=pixels)


@pytest.mark.parametrize("crop", ["lens", "center", CropBox(60, 20, 198, 158)])
def test_a_scan_without_a_lens_is_left_out_whatever_the_crop(grey_model, crop) -> None:
    volume = _with_artificial_lens(lens_oct((228, 269), 5, seed=1).volume, slice(0, 2))
    result = map_cataract(volume, grey_model(), CataractOptions(crop=crop))
    eye = result.eyes[0]
    assert not eye.lens[:2].any()
    assert not eye.probability[:2].any()
    assert (eye.summary.scans, eye.summary.scans_used) == (5, 3)
    assert "scan 1: left out, no cornea with a lens below it is seen." in " ".join(result.notes)
    assert np.isfinite(eye.summary.cataract_fraction)


@pytest.mark.parametrize("crop", ["lens", "center"])
def test_an_eye_with_fewer_than_half_of_its_scans_usable_has_no_number(grey_model, crop) -> None:
    volume = _with_artificial_lens(lens_oct((228, 269), 5, seed=1).volume, slice(0, 4))
    result = map_cataract(volume, grey_model(), CataractOptions(crop=crop))
    assert np.isnan(result.eyes[0].summary.cataract_fraction)
    assert "no cataract fraction, only 1 of 5 scans could be used (no number)." in result.sentence
    with pytest.raises(UnsuitableImageError, match="no cornea with a lens below it is seen"):
        map_cataract(
            _with_artificial_lens(volume, slice(None)), grey_model(), CataractOptions(crop=crop)
        )


def test_a_model_of_another_task_is_refused(grey_model) -> None:
    model = grey_model()
    other = replace(model, card=replace(model.card, task="lesions"))
    with pytest.raises(ModelTaskError, match="is for lesions"):
        map_cataract(lens_oct((228, 269), 1).volume, other)


def test_a_network_of_other_channels_is_refused(grey_model) -> None:
    model = grey_model()
    model.network.in_channels = 3
    with pytest.raises(ModelShapeError, match="3 channels, expected 1"):
        map_cataract(lens_oct((228, 269), 1).volume, model)


@pytest.mark.parametrize(
    "wrong", [{"crop": "middle"}, {"threshold": 1.5}, {"batch_size": 0}, {"threshold": -0.1}]
)
def test_impossible_options_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError):
        CataractOptions(**wrong)


def test_names_and_scans_must_match() -> None:
    volume = lens_oct((228, 269), 2).volume
    with pytest.raises(InputError, match="2 scans with 1 names"):
        EyeScans("", "Eye", volume, ("one",))
    with pytest.raises(InputError, match="1 crops"):
        EyeScans("", "Eye", volume, ("a", "b"), (None,))
