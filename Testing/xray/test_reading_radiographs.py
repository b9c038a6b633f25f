"""Which files are frontal chest radiographs, and how their greys come to lie."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from medai.errors import ImageReadError, InputError, UnsuitableImageError
from medai.images.radiograph import read_radiograph, read_radiographs
from Testing.images.dicom_files import write_slice

RAMP = np.tile(np.arange(100, dtype=np.uint16) * 30, (90, 1))


def film(path, pixels=RAMP, **elements):
    """A CR file; without position and orientation, as radiographs have none."""
    usual = {
        "Modality": "CR",
        "ViewPosition": "PA",
        "BodyPartExamined": "CHEST",
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
    }
    write_slice(path, pixels, **(usual | elements))
    return path


def test_a_digital_film_is_read_with_its_greys(tmp_path):
    volume = read_radiograph(film(tmp_path / "film1.dcm"))
    assert volume.modality == "CR"
    assert np.array_equal(volume.array[0], RAMP)
    assert volume.spacing_mm[1:] == (0.5, 0.75)


def test_monochrome1_is_turned_bright_where_it_was_dark(tmp_path):
    path = film(tmp_path / "film1.dcm", PhotometricInterpretation="MONOCHROME1")
    row = read_radiograph(path).array[0, 0].astype(float)
    assert (np.diff(row) < 0).all()


def test_a_mirrored_film_is_turned_and_says_so(tmp_path):
    volume = read_radiograph(film(tmp_path / "film1.dcm", PatientOrientation=["R", "F"]))
    assert np.array_equal(volume.array[0], RAMP[:, ::-1])
    assert any("mirrored" in note for note in volume.notes)
    plain = read_radiograph(film(tmp_path / "film2.dcm", PatientOrientation=["L", "F"]))
    assert np.array_equal(plain.array[0], RAMP)


def test_a_raw_film_becomes_the_logarithm_of_what_came_through(tmp_path):
    """A detector's linear signal: layers of equal thickness become equal steps of grey."""
    came_through = 4000 * np.exp(-0.7 * np.arange(6))
    pixels = np.repeat(np.round(came_through), 20).astype(np.uint16)
    path = film(
        tmp_path / "film1.dcm",
        np.tile(pixels, (90, 1)),
        PresentationIntentType="FOR PROCESSING",
        PixelIntensityRelationship="LIN",
        PhotometricInterpretation="MONOCHROME1",
        BitsStored=12,
        HighBit=11,
    )
    volume = read_radiograph(path)
    steps = np.diff(volume.array[0, 0, ::20].astype(float))
    assert steps == pytest.approx(steps.mean(), rel=0.05)
    assert any("raw" in note for note in volume.notes)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_are_read_as_grey(tmp_path, suffix):
    path = tmp_path / f"film1{suffix}"
    Image.fromarray(np.dstack([(RAMP // 16).astype(np.uint8)] * 3)).save(path)
    assert read_radiograph(path).array.shape == (1, 90, 100)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Modality": "CT"}, "is a CT, expected a chest X-ray"),
        ({"Modality": "US"}, "is US, expected a chest X-ray"),
        ({"ViewPosition": "LL"}, "lateral or oblique view (LL)"),
        ({"ViewPosition": "LATERAL"}, "lateral or oblique view (LATERAL)"),
        ({"BodyPartExamined": "HAND"}, "shows hand, expected the chest"),
        ({"PatientOrientation": ["A", "F"]}, "lies turned or is lateral"),
        ({"PatientOrientation": ["F", "R"]}, "lies turned or is lateral"),
    ],
)
def test_other_dicom_files_are_refused_in_one_line(tmp_path, elements, message):
    with pytest.raises(UnsuitableImageError) as refused:
        read_radiograph(film(tmp_path / "film1.dcm", **elements))
    assert message in str(refused.value)
    assert "Secret" not in str(refused.value)


def test_photographs_small_and_empty_pictures_are_refused(tmp_path):
    color = np.zeros((90, 100, 3), np.uint8)
    color[..., 0], color[..., 2] = 200, np.arange(100)
    small = np.arange(900, dtype=np.uint8).reshape(30, 30)
    for pixels, message in (
        (color, "color picture"),
        (small, "expected at least 64 on a side"),
        (np.full((90, 100), 7, np.uint8), "one gray alone"),
    ):
        Image.fromarray(pixels).save(tmp_path / "film1.png")
        with pytest.raises(UnsuitableImageError, match=message):
            read_radiograph(tmp_path / "film1.png")


def test_films_of_two_patients_are_refused(tmp_path):
    one = film(tmp_path / "film1.dcm", PatientID="1", SeriesInstanceUID="1.2")
    same = film(tmp_path / "film2.dcm", PatientID="1", SeriesInstanceUID="1.3")
    other = film(tmp_path / "film3.dcm", PatientID="2", SeriesInstanceUID="1.4",
                 PatientName="Other")  # fmt: skip
    assert len(read_radiographs([one, same])) == 2
    with pytest.raises(InputError, match=r"film1\.dcm and film3\.dcm are of different patients"):
        read_radiographs([one, same, other])
    with pytest.raises(ImageReadError, match="No radiographs"):
        read_radiographs([])
