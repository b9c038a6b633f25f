"""Which scans belong to which eye, and what is refused, in one line each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.errors import GeometryError, ImageReadError, InputError, UnsuitableImageError
from medai.images.oct_scans import EyeScans, eye_from_volume, grey_scans, parse_eye, read_eyes
from medai.images.volume import Volume
from medai.phantoms.lens_oct import lens_oct

SHAPE = (152, 179)


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    return lens_oct(SHAPE, 1, seed=1).volume.array[0]


def _save(folder: Path, names: list[str], pixels: np.ndarray) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


def _said(eyes: tuple[EyeScans, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(eye.label, eye.names) for eye in eyes]


def test_names_sort_scans_into_right_and_left_in_natural_order(
    tmp_path: Path, scan: np.ndarray
) -> None:
    _save(tmp_path, ["OS_scan2.png", "OD_scan11.png", "OD_scan2.png", "OS_scan1.png"], scan)
    eyes = read_eyes([tmp_path])
    assert _said(eyes) == [
        ("Right eye", ("OD_scan2", "OD_scan11")),
        ("Left eye", ("OS_scan1", "OS_scan2")),
    ]
    assert eyes[0].volume.grid_shape == (2, *SHAPE)
    assert np.array_equal(eyes[0].volume.array[1], scan)
    assert not eyes[0].volume.has_spacing


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("R 1.png", "Right eye"),
        ("x-re-3.bmp", "X, right eye"),
        ("Left_4.tif", "Left eye"),
        ("os/scan.png", "Left eye"),
        ("RIGHT EYE/7.png", "Right eye"),
        ("bright_od.png", "Bright, right eye"),
    ],
)
def test_ways_of_naming_an_eye(tmp_path: Path, scan: np.ndarray, name: str, label: str) -> None:
    _save(tmp_path, [name], scan)
    assert read_eyes([tmp_path / name])[0].label.lower().endswith(label.lower().split(", ")[-1])


def test_people_are_kept_apart_by_what_stands_before_the_eye(
    tmp_path: Path, scan: np.ndarray
) -> None:
    _save(tmp_path, ["A1_OD_1.png", "A2_OD_1.png", "A1_OS_1.png", "A1_OD_2.png"], scan)
    assert [(eye.label, len(eye.names)) for eye in read_eyes([tmp_path])] == [
        ("A1, right eye", 2),
        ("A1, left eye", 1),
        ("A2, right eye", 1),
    ]


def test_a_table_says_which_eye(tmp_path: Path, scan: np.ndarray) -> None:
    _save(tmp_path, ["1.png", "2.png", "3.png"], scan)
    table = tmp_path / "eyes.csv"
    table.write_text("file,eye\n1.png,OS\n2.png,right\n3.png,L\n", encoding="utf-8")
    eyes = read_eyes([tmp_path / f"{n}.png" for n in (1, 2, 3)], table=table)
    assert _said(eyes) == [("Right eye", ("2",)), ("Left eye", ("1", "3"))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,side\n1.png,OD\n", "columns file and eye"),
        ("file,eye\n1.png,middle\n", "'middle', expected OD or OS"),
        ("file,eye\n2.png,OD\n", "no row for 1.png"),
    ],
)
def test_a_table_that_does_not_say_it_is_refused(
    tmp_path: Path, scan: np.ndarray, text: str, words: str
) -> None:
    _save(tmp_path, ["1.png"], scan)
    table = tmp_path / "eyes.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_eyes([tmp_path / "1.png"], table=table)


def test_pages_of_a_stack_are_scans_of_one_eye(tmp_path: Path) -> None:
    stack = lens_oct(SHAPE, 3, seed=2).volume.array
    pages = [Image.fromarray(page) for page in stack]
    pages[0].save(tmp_path / "OD.tif", save_all=True, append_images=pages[1:])
    eye = read_eyes([tmp_path / "OD.tif"])[0]
    assert eye.names == ("OD 1", "OD 2", "OD 3")
    assert np.array_equal(eye.volume.array, stack)


def test_a_pixel_size_that_is_given_is_used(tmp_path: Path, scan: np.ndarray) -> None:
    _save(tmp_path, ["OD.png"], scan)
    volume = read_eyes([tmp_path / "OD.png"], spacing_um=(7.7, 7.4))[0].volume
    assert volume.has_spacing
    assert volume.spacing_mm[1:] == pytest.approx((0.0077, 0.0074))
    with pytest.raises(InputError, match="axial × transverse"):
        read_eyes([tmp_path / "OD.png"], spacing_um=(0.0, 7.4))


def _dicom(frames: np.ndarray, **attributes):
    """An ophthalmic tomography of frames (n, y, x), pixels 0.0077 × 0.0074 mm."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, generate_uid()
    data.SeriesInstanceUID, data.StudyInstanceUID = generate_uid(), generate_uid()
    data.Modality = "OPT"
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape
    data.PixelSpacing = [0.0077, 0.0074]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.PixelRepresentation = 0
    data.PixelData = frames.tobytes() + b"\0" * (frames.size % 2)
    for name, value in attributes.items():
        setattr(data, name, value)
    return data


def test_dicom_says_which_eye_and_how_large_a_pixel_is(tmp_path: Path, scan: np.ndarray) -> None:
    data = _dicom(scan[None], ImageLaterality="L")
    data.save_as(tmp_path / "scan7", enforce_file_format=True)
    eye = read_eyes([tmp_path / "scan7"])[0]
    assert eye.label == "Left eye"
    assert eye.volume.spacing_mm[1:] == pytest.approx((0.0077, 0.0074))
    assert np.array_equal(eye.volume.array[0], scan)


def test_radial_frames_of_one_dicom_file_keep_their_order(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    frames = lens_oct(SHAPE, 6, seed=2).volume.array
    groups = []
    for k in range(6):
        turn = np.pi * k / 6
        along = [round(float(v), 6) for v in (np.cos(turn), np.sin(turn), 0)]
        plane, place, group = Dataset(), Dataset(), Dataset()
        plane.ImageOrientationPatient = [*along, 0, 0, -1]
        place.ImagePositionPatient = [round(-8 * v, 6) for v in along]
        group.PlaneOrientationSequence, group.PlanePositionSequence = [plane], [place]
        groups.append(group)
    anatomy, shared = Dataset(), Dataset()
    anatomy.FrameLaterality = "R"
    shared.FrameAnatomySequence = [anatomy]
    data = _dicom(
        frames,
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=groups,
    )
    data.save_as(tmp_path / "radial.dcm", enforce_file_format=True)
    eye = read_eyes([tmp_path])[0]
    assert eye.label == "Right eye"
    assert np.array_equal(eye.volume.array, frames)
    assert eye.volume.spacing_mm == pytest.approx((1.0, 0.0077, 0.0074))


@pytest.mark.parametrize(
    ("dtype", "factor"), [(np.uint16, 257), (np.uint16, 16), (np.float32, 1 / 255)]
)
def test_other_depths_become_8_bit(scan: np.ndarray, dtype: type, factor: float) -> None:
    values = scan.astype(np.float64) * factor
    volume = Volume(values[None].astype(dtype), np.eye(4), "OPT", "scan")
    grey = grey_scans(volume)
    assert grey.array.dtype == np.uint8
    assert np.abs(grey.array[0].astype(int) - scan).max() <= 1
    assert "8 bit" in grey.notes[0]


def test_grey_saved_as_colour_is_grey(scan: np.ndarray) -> None:
    volume = Volume(np.repeat(scan[None, ..., None], 3, axis=3), np.eye(4), "", "scan")
    assert np.array_equal(grey_scans(volume).array[0], scan)


def _photo() -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = np.hypot(y - SHAPE[0] / 2, x - SHAPE[1] / 2) < 70
    return np.where(inside[..., None], np.array([180, 80, 40]), 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("array", "modality", "words"),
    [
        (_photo()[None], "XC", "color picture"),
        (np.full((1, *SHAPE), 255, np.uint8), "", "same value 255 everywhere"),
        (np.zeros((1, *SHAPE), np.uint8), "", "same value 0 everywhere"),
        (np.zeros((5, *SHAPE), np.int16), "CT", "is a CT"),
        (np.full((1, *SHAPE), -5, np.int16), "", "values down to -5"),
        (np.full((1, *SHAPE), np.nan, np.float32), "", "expected an OCT picture"),
        (np.full((1, *SHAPE), 300.5, np.float32) * np.eye(*SHAPE), "", "fractional values"),
        (np.tile(np.arange(179, dtype=np.uint8) + 60, (1, 152, 1)), "", "bright almost everywhere"),
    ],
)
def test_what_is_no_oct_scan_is_refused(array: np.ndarray, modality: str, words: str) -> None:
    with pytest.raises(UnsuitableImageError, match=words) as raised:
        eye_from_volume(Volume(array, np.eye(4), modality, "picture"))
    assert "\n" not in str(raised.value)


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="holds no scans"):
        read_eyes([tmp_path])
    with pytest.raises(ImageReadError, match="does not exist"):
        read_eyes([tmp_path / "none.png"])
    with pytest.raises(ImageReadError, match="No scans were given"):
        read_eyes([])


def test_names_that_say_no_eye_are_refused_unless_it_is_said(
    tmp_path: Path, scan: np.ndarray
) -> None:
    _save(tmp_path / "scans", ["1.png", "2.png"], scan)
    with pytest.raises(InputError, match=r"names of 2 scans don't say which eye.*1\.png"):
        read_eyes([tmp_path / "scans"])
    assert _said(read_eyes([tmp_path / "scans"], eye="left")) == [("Left eye", ("1", "2"))]


def test_one_scan_needs_no_eye(tmp_path: Path, scan: np.ndarray) -> None:
    _save(tmp_path / "scans", ["1.png"], scan)
    assert read_eyes([tmp_path / "scans" / "1.png"])[0].label == "Eye"


def test_five_scans_of_two_eyes_mixed_are_refused_where_one_eye_is_said(
    tmp_path: Path, scan: np.ndarray
) -> None:
    _save(tmp_path, [f"OD_{k}.png" for k in range(3)] + ["OS_0.png", "OS_1.png"], scan)
    with pytest.raises(InputError, match=r"OS_0\.png is of the left eye .* given as the right eye"):
        read_eyes([tmp_path], eye="right")


def test_some_names_with_an_eye_and_some_without_are_refused(
    tmp_path: Path, scan: np.ndarray
) -> None:
    _save(tmp_path / "scans", ["OD_1.png", "OS_1.png", "3.png"], scan)
    with pytest.raises(InputError, match=r"1 of 3 scans don't say which eye.*3\.png"):
        read_eyes([tmp_path / "scans"])


def test_a_name_with_both_eyes_is_refused(tmp_path: Path, scan: np.ndarray) -> None:
    _save(tmp_path, ["OD_OS.png"], scan)
    with pytest.raises(InputError, match="names both eyes"):
        read_eyes([tmp_path / "OD_OS.png"])


def test_scans_of_one_eye_that_differ_in_size_are_refused(tmp_path: Path, scan: np.ndarray) -> None:
    _save(tmp_path, ["OD_1.png"], scan)
    _save(tmp_path, ["OD_2.png"], scan[:-3])
    with pytest.raises(GeometryError, match="179×149 and 179×152"):
        read_eyes([tmp_path])


@pytest.mark.parametrize(("text", "eye"), [(None, ""), ("OD", "right"), (" left ", "left")])
def test_an_eye_in_words(text: str | None, eye: str) -> None:
    assert parse_eye(text) == eye


def test_an_unknown_eye_is_refused() -> None:
    with pytest.raises(InputError, match="'third'"):
        parse_eye("third")


def test_bad_scans_are_left_out_by_name_and_the_rest_goes_on(
    tmp_path: Path, scan: np.ndarray
) -> None:
    _save(tmp_path, [f"OD_{k}.png" for k in range(4)], scan)
    _save(tmp_path, ["OD_5.png"], scan[:-3])
    (tmp_path / "OD_6.png").write_bytes(b"no picture")
    (eye,) = read_eyes([tmp_path])
    assert eye.names == ("OD_0", "OD_1", "OD_2", "OD_3")
    assert len(eye.left_out) == 2
    assert "OD_5.png: left out, " in eye.left_out[0]
    assert "179×149 pixels, the other scans are 179×152" in eye.left_out[0]
    assert eye.left_out[1].startswith("OD_6.png: left out, ")


def test_when_no_scan_is_left_the_reason_is_said(tmp_path: Path) -> None:
    for name in ("OD_1.png", "OD_2.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(ImageReadError, match=r"OD_1\.png"):
        read_eyes([tmp_path])
