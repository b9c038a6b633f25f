"""PNG, JPEG, TIFF and BMP."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from medai.errors import ImageReadError
from medai.images import read_volume, to_axial

GREY = np.random.default_rng(0).integers(0, 255, (7, 9)).astype(np.uint8)
COLOR = np.random.default_rng(1).integers(0, 255, (7, 9, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_grey_and_color_pictures_keep_every_pixel(tmp_path, suffix) -> None:
    for array in (GREY, COLOR):
        path = tmp_path / f"picture{suffix}"
        Image.fromarray(array).save(path)

        volume = read_volume(path)

        np.testing.assert_array_equal(volume.array[0], array)
        assert volume.array.dtype == np.uint8
        assert not volume.has_spacing
        assert volume.modality == ""
        assert volume.name == path.name


def test_a_picture_lies_as_it_is_shown(tmp_path) -> None:
    Image.fromarray(GREY).save(tmp_path / "p.png")

    axial = to_axial(read_volume(tmp_path / "p.png"))

    np.testing.assert_array_equal(axial.array[0], GREY)
    assert axial.flipped == (False, False, False)


def test_jpeg_is_close(tmp_path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "p.jpg", quality=95)

    assert np.abs(read_volume(tmp_path / "p.jpg").array[0].astype(int) - smooth).max() <= 3


def test_sixteen_bits_transparency_palette_and_one_bit(tmp_path) -> None:
    deep = (GREY.astype(np.uint16) * 100) + 7
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_volume(tmp_path / "deep.png").array[0], deep)

    clear = np.dstack([COLOR, np.full((7, 9), 90, np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    np.testing.assert_array_equal(read_volume(tmp_path / "clear.png").array[0], COLOR)

    palette = Image.fromarray(GREY // 128)
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.save(tmp_path / "palette.png")
    expected = np.array([[10, 20, 30], [200, 100, 50]], np.uint8)[GREY // 128]
    np.testing.assert_array_equal(read_volume(tmp_path / "palette.png").array[0], expected)

    Image.fromarray(GREY > 100).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_volume(tmp_path / "bit.png").array[0], 255 * (GREY > 100))


def test_color_with_equal_channels_is_grey(tmp_path) -> None:
    Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / "grey.png")

    np.testing.assert_array_equal(read_volume(tmp_path / "grey.png").array, GREY[None])


def test_pages_of_a_tiff_are_slices(tmp_path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:])

    np.testing.assert_array_equal(
        read_volume(tmp_path / "p.tif").array, np.stack([GREY, GREY[::-1]])
    )


def test_pages_of_different_sizes_are_an_error(tmp_path) -> None:
    Image.fromarray(GREY).save(
        tmp_path / "p.tif", save_all=True, append_images=[Image.fromarray(GREY[:5])]
    )

    with pytest.raises(ImageReadError, match="its pages differ in size"):
        read_volume(tmp_path / "p.tif")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_a_cut_off_picture_is_an_error(tmp_path, suffix) -> None:
    path = tmp_path / f"p{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])

    with pytest.raises(ImageReadError, match="not a readable picture, or damaged"):
        read_volume(path)


def test_a_picture_turned_by_the_camera_stands_upright(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOR).save(tmp_path / "p.png", exif=exif)

    np.testing.assert_array_equal(read_volume(tmp_path / "p.png").array[0], np.rot90(COLOR, -1))


def test_no_room_is_made_for_bytes_that_a_png_only_declares(tmp_path) -> None:
    path = tmp_path / "p.png"
    Image.fromarray(GREY).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"IDAT") - 4
    data[at : at + 4] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(data)

    tracemalloc.start()
    with suppress(ImageReadError):
        read_volume(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2**24
