"""DICOM series: order, geometry, values, and what is said when a series is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import RLELossless

from medai.errors import GeometryError, ImageReadError
from medai.images import read_volume
from Testing.images.dicom_files import frame_groups, write_series, write_slice

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "volumes"
RNG = np.random.default_rng(0)
STORED = RNG.integers(0, 1000, (6, 16, 20)).astype(np.uint16)


def test_a_series_is_sorted_by_position_and_rescaled(tmp_path) -> None:
    write_series(tmp_path / "s", STORED, RescaleSlope=1, RescaleIntercept=-1024)
    (tmp_path / "s" / "notes.txt").write_text("not DICOM")

    volume = read_volume(tmp_path / "s")

    np.testing.assert_array_equal(volume.array, STORED.astype(int) - 1024)
    assert volume.array.dtype == np.int16
    assert volume.modality == "CT"
    assert volume.name == "s"
    expected = np.diag([-0.75, -0.5, 2.0, 1.0])
    expected[:3, 3] = [10.0, 20.0, 5.0]
    np.testing.assert_allclose(volume.ijk_to_ras, expected, atol=1e-12)


def test_each_slice_keeps_its_own_rescale_slope(tmp_path) -> None:
    for k, slope in enumerate((1, 2, 4)):
        place = [0, 0, float(k)]
        write_slice(
            tmp_path / f"{k}.dcm",
            STORED[0],
            ImagePositionPatient=place,
            RescaleSlope=slope,
            RescaleIntercept=-10 * slope,
        )

    volume = read_volume(tmp_path)

    for k, slope in enumerate((1, 2, 4)):
        np.testing.assert_array_equal(volume.array[k], STORED[0].astype(int) * slope - 10 * slope)


def test_coronal_slices_and_a_tilted_gantry_keep_their_place(tmp_path) -> None:
    coronal = [1, 0, 0, 0, 0, -1]
    for k in range(4):
        write_slice(
            tmp_path / f"{k}.dcm",
            STORED[k],
            ImageOrientationPatient=coronal,
            ImagePositionPatient=[1.0, 2.0 + 3.0 * k, 4.0 - 0.6 * k],
        )

    volume = read_volume(tmp_path)

    # The slices' way is from position to position; the normal (0, 1, 0) gives only their order.
    np.testing.assert_allclose(volume.ijk_to_ras @ [0, 0, 3, 1], [-1.0, -11.0, 2.2, 1.0])
    np.testing.assert_allclose(volume.ijk_to_ras @ [2, 4, 0, 1], [-2.5, -2.0, 2.0, 1.0])
    np.testing.assert_array_equal(volume.array, STORED[:4])


@pytest.mark.parametrize("removed", [1, 2, 4])
def test_a_missing_slice_is_an_error_that_says_where(tmp_path, removed) -> None:
    paths = write_series(tmp_path / "s", STORED)
    paths[removed].unlink()

    with pytest.raises(GeometryError) as error:
        read_volume(tmp_path / "s")

    assert str(error.value) == (
        f"s: 4.00 mm between slices {removed} and {removed + 1} of 5 "
        f"(at {5.0 + 2 * (removed - 1):.1f} and {5.0 + 2 * (removed + 1):.1f} mm), "
        "expected 2.00 mm: 1 missing there."
    )


def test_uneven_and_doubled_slices_are_errors(tmp_path) -> None:
    heights = {"uneven": [0, 2, 4, 6.8, 8.8], "doubled": [0, 2, 2, 4, 6]}
    for name, places in heights.items():
        (tmp_path / name).mkdir()
        for k, z in enumerate(places):
            write_slice(
                tmp_path / name / f"{k}.dcm", STORED[k], ImagePositionPatient=[0, 0, float(z)]
            )

    with pytest.raises(GeometryError, match=r"slices 3 and 4 of 5 .* the spacing is uneven"):
        read_volume(tmp_path / "uneven")
    with pytest.raises(GeometryError, match="slices 2 and 3 of 5 lie at the same place"):
        read_volume(tmp_path / "doubled")


def test_the_largest_series_is_read_and_named_unless_one_is_asked_for(tmp_path) -> None:
    write_series(tmp_path / "a", STORED, prefix="a", SeriesNumber=3, SeriesInstanceUID="1.3")
    write_series(tmp_path / "b", STORED[:4], prefix="b", SeriesNumber=7, SeriesInstanceUID="1.7")

    largest = read_volume(tmp_path)
    by_number = read_volume(tmp_path, series="7")
    by_uid = read_volume(tmp_path, series="1.7")

    assert largest.grid_shape[0] == 6
    assert largest.notes == (
        "Series 3 with 6 images was read; also there, with their number of images: 7 (4).",
    )
    assert by_number.grid_shape[0] == by_uid.grid_shape[0] == 4
    with pytest.raises(ImageReadError, match=r"no series '9', there are: 3 \(6 images\), 7"):
        read_volume(tmp_path, series="9")


def test_a_localizer_in_the_same_series_is_left_aside(tmp_path) -> None:
    write_series(tmp_path / "s", STORED)
    write_slice(
        tmp_path / "s" / "localizer.dcm", STORED[0], ImageOrientationPatient=[1, 0, 0, 0, 0, -1]
    )

    assert read_volume(tmp_path / "s").grid_shape == (6, 16, 20)


def test_monochrome1_is_inverted(tmp_path) -> None:
    pixels = (STORED[0] % 4096).astype(np.uint16)
    write_slice(
        tmp_path / "x.dcm",
        pixels,
        PhotometricInterpretation="MONOCHROME1",
        BitsStored=12,
        HighBit=11,
    )

    np.testing.assert_array_equal(read_volume(tmp_path / "x.dcm").array[0], 4095 - pixels)


def test_rgb_and_palette_become_color(tmp_path) -> None:
    color = RNG.integers(0, 255, (16, 20, 3)).astype(np.uint8)
    write_slice(tmp_path / "rgb.dcm", color, Modality="XC", PixelSpacing=None)
    table = np.arange(256, dtype=np.uint16) * 257
    palette: dict[str, object] = {}
    for channel, values in (("Red", table), ("Green", table[::-1]), ("Blue", 0 * table)):
        palette[f"{channel}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{channel}PaletteColorLookupTableData"] = values.tobytes()
    index = RNG.integers(0, 256, (16, 20)).astype(np.uint8)
    write_slice(tmp_path / "p.dcm", index, PhotometricInterpretation="PALETTE COLOR", **palette)

    rgb = read_volume(tmp_path / "rgb.dcm")
    np.testing.assert_array_equal(rgb.array[0], color)
    assert rgb.modality == "XC"
    assert not rgb.has_spacing
    np.testing.assert_array_equal(
        read_volume(tmp_path / "p.dcm").array[0], np.stack([index, 255 - index, 0 * index], -1)
    )


def test_a_multi_frame_file_is_a_volume(tmp_path) -> None:
    write_slice(
        tmp_path / "plain.dcm",
        STORED,
        NumberOfFrames=6,
        ImagePositionPatient=None,
        SpacingBetweenSlices=3.0,
    )
    order = [5.0, 1.0, 2.0, 3.0, 4.0, 0.0]
    write_slice(
        tmp_path / "enhanced.dcm",
        STORED,
        NumberOfFrames=6,
        ImagePositionPatient=None,
        PixelSpacing=None,
        PerFrameFunctionalGroupsSequence=frame_groups(order),
    )

    plain, enhanced = (read_volume(tmp_path / f"{name}.dcm") for name in ("plain", "enhanced"))

    np.testing.assert_array_equal(plain.array, STORED)
    assert plain.spacing_mm == (3.0, 0.5, 0.75)
    np.testing.assert_array_equal(enhanced.array, STORED[[5, 1, 2, 3, 4, 0]])
    assert enhanced.spacing_mm == (1.0, 0.5, 0.75)


def test_a_cut_off_file_is_an_error_that_names_it(tmp_path, capfd) -> None:
    paths = write_series(tmp_path / "s", STORED)
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[:-300])

    with pytest.raises(ImageReadError, match=f"{paths[2].name}: its DICOM image is damaged"):
        read_volume(tmp_path / "s")
    assert capfd.readouterr() == ("", "")


def test_no_message_or_note_holds_the_patients_name(tmp_path) -> None:
    paths = write_series(tmp_path / "s", STORED)
    volume = read_volume(tmp_path / "s")
    paths[3].unlink()

    with pytest.raises(GeometryError) as error:
        read_volume(tmp_path / "s")
    assert "Secret" not in f"{volume} {volume.notes} {error.value}"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
def test_a_folder_of_a_real_study_finds_the_images_beside_the_contours() -> None:
    root = SHARED / "ibsi_lung_ct" / "ibsi_1_ct_radiomics_phantom" / "dicom"

    volume = read_volume(root)

    assert volume.grid_shape == (60, 201, 204)
    assert volume.spacing_mm == pytest.approx((3.0, 0.977, 0.977), abs=1e-3)


@pytest.fixture
def run_length_encoded(tmp_path) -> Path:
    """A file of three frames, as run lengths."""
    path = tmp_path / "rle.dcm"
    frames = {"NumberOfFrames": 3, "PerFrameFunctionalGroupsSequence": frame_groups([0, 1, 2])}
    dataset = write_slice(path, STORED[:3], **frames)
    dataset.compress(RLELossless)
    dataset.save_as(path)
    return path


def test_run_lengths_are_read(run_length_encoded) -> None:
    volume = read_volume(run_length_encoded)

    np.testing.assert_array_equal(volume.array, STORED[:3])


@pytest.mark.parametrize("segments", [0, 16, 2**31])
def test_run_lengths_in_no_segments_are_refused_before_they_are_decoded(
    run_length_encoded, segments
) -> None:
    data = bytearray(run_length_encoded.read_bytes())
    # Where the second of the three frames begins: two segments for the bytes of 16-bit pixels.
    header = (2).to_bytes(4, "little") + (64).to_bytes(4, "little")
    at = data.index(header, data.index(header) + 1)
    data[at : at + 4] = segments.to_bytes(4, "little")
    run_length_encoded.write_bytes(data)

    with pytest.raises(ImageReadError, match=r"rle\.dcm: damaged DICOM file"):
        read_volume(run_length_encoded)
