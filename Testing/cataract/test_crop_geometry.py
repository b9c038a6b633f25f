"""From a scan's pixels to the network's grid and back, exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.errors import InputError, UnsuitableImageError
from medai.images.crop_box import CropBox, centered_crop, default_side, parse_crop
from medai.inference.cataract.lens_crop import (
    find_lens,
    from_network_grid,
    network_size,
    propose_crop,
    to_network_grid,
)
from medai.phantoms.lens_oct import lens_patient


def test_default_crop_is_the_papers_1100_square_in_the_middle_of_2150_by_1824() -> None:
    box = centered_crop((1824, 2150))
    assert box == CropBox(525, 362, 1625, 1462)
    assert network_size(box, (1824, 2150), 550) == (550, 550)


def test_other_sizes_get_the_same_share_of_the_width() -> None:
    assert default_side((1459, 1713)) == 876
    box = centered_crop((1459, 1713))
    assert (box.width, box.height) == (876, 876)
    assert network_size(box, (1459, 1713), 550) == (550, 550)


@pytest.mark.parametrize("center", [(0, 0), (0, 2149), (1823, 0), (1823, 2149), (900, 1000)])
def test_a_crop_around_any_place_lies_in_the_picture(center: tuple[int, int]) -> None:
    box = centered_crop((1824, 2150), center)
    assert box.checked((1824, 2150), "scan") is box
    assert (box.width, box.height) == (1100, 1100)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    width=st.integers(64, 301),
    height=st.integers(64, 301),
    scale=st.floats(0.2, 1.5),
)
def test_coordinates_come_back_to_their_pixels_for_any_size_and_scale(
    width: int, height: int, scale: float
) -> None:
    box = CropBox(3, 5, 3 + width, 5 + height)
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float32),
        torch.arange(width, dtype=torch.float32),
        indexing="ij",
    )
    coordinates = torch.stack([rows, columns])[None]
    size = (max(16, round(scale * height)), max(16, round(scale * width)))
    back = from_network_grid(to_network_grid(coordinates, size), box)[0]
    # Half a network pixel next to the border there is nothing to interpolate between.
    rim = 2 + int(2 * max(height / size[0], width / size[1]))
    inner = (slice(rim, height - rim), slice(rim, width - rim))
    assert back.shape == (2, height, width)
    assert (back[0] - rows)[inner].abs().max() < 0.25
    assert (back[1] - columns)[inner].abs().max() < 0.25
    assert (back - coordinates[0]).abs().max() <= 1 + 0.5 / min(scale, 1.0)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (CropBox(-1, 0, 99, 100), "outside the picture"),
        (CropBox(0, 0, 201, 100), "200 wide and 100 high"),
        (CropBox(0, 60, 100, 160), "outside the picture"),
        (CropBox(10, 10, 20, 90), "32×32"),
        (CropBox(90, 10, 40, 90), "32×32"),
    ],
)
def test_a_box_that_does_not_fit_is_refused(box: CropBox, words: str) -> None:
    with pytest.raises(InputError, match=words):
        box.checked((100, 200), "scan 3")


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "1;2;3;4", "", "-1,0,50,50"])
def test_a_box_in_other_words_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="left,top,right,bottom"):
        parse_crop(text)


def test_a_box_in_words_is_read_back() -> None:
    box = CropBox(1, 2, 300, 400)
    assert parse_crop(str(box)) == box


@pytest.mark.parametrize("patient", range(6))
def test_the_lens_of_phantoms_is_found_and_inside_the_proposed_crop(patient: int) -> None:
    for phantom in lens_patient(patient, cataract=patient % 2 == 1, shape=(456, 538), scans=2):
        for pixels, lens in zip(phantom.volume.array, phantom.lens, strict=True):
            rows, columns = np.nonzero(lens)
            found = find_lens(pixels)
            assert found is not None
            truth = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            edges = (found.left, found.top, found.right, found.bottom)
            assert np.abs(np.subtract(edges, truth)).max() <= 15
            box = propose_crop(pixels, "scan")
            assert lens[box.slices].sum() >= 0.97 * lens.sum()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((300, 400), np.uint8),
        np.full((300, 400), 255, np.uint8),
        np.tile(np.arange(400, dtype=np.float32) / 2, (300, 1)).astype(np.uint8),
    ],
)
def test_a_picture_without_cornea_and_lens_gets_no_crop(pixels: np.ndarray) -> None:
    with pytest.raises(UnsuitableImageError, match="no cornea with a lens"):
        propose_crop(pixels, "scan")


def test_a_round_bright_photograph_gets_no_crop() -> None:
    y, x = np.mgrid[:300, :400]
    fundus = np.where(np.hypot(y - 150, x - 200) < 140, 150, 0).astype(np.uint8)
    with pytest.raises(UnsuitableImageError):
        propose_crop(fundus, "fundus")
