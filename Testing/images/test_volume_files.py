"""NRRD, NIfTI and MetaImage against SimpleITK's own reading of the same files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from medai.errors import ImageReadError, OutputError
from medai.images import Volume, read_volume, to_axial, write_volume

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "volumes"
OBLIQUE = (0.96, -0.28, 0.0, 0.28, 0.96, 0.0, 0.0, 0.0, 1.0)


def itk_image(array: NDArray, *, vector: bool = False) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(array, isVector=vector)
    if image.GetDimension() == 3:
        image.SetSpacing((0.7, 0.8, 2.5))
        image.SetOrigin((-100.0, 50.0, 7.0))
        image.SetDirection(OBLIQUE)
    return image


def itk_to_ras(image: SimpleITK.Image) -> NDArray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_voxels_and_geometry_are_those_that_itk_reads(tmp_path, suffix, compressed) -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    path = tmp_path / f"study{suffix}"
    SimpleITK.WriteImage(itk_image(array), str(path), compressed)

    volume = read_volume(path)

    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.int16
    assert volume.has_spacing
    np.testing.assert_allclose(volume.ijk_to_ras, itk_to_ras(itk_image(array)), atol=1e-5)


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i4", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
def test_every_number_type_is_read(tmp_path, suffix, kind) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    if kind[0] == "f":
        array += 0.5
    path = tmp_path / f"study{suffix}"
    SimpleITK.WriteImage(itk_image(array), str(path))

    volume = read_volume(path)

    np.testing.assert_array_equal(volume.array, array)
    expected = {"u1": np.uint8, "f4": np.float32, "f8": np.float32}.get(kind)
    assert volume.array.dtype == (expected or (np.int8 if kind == "i1" else np.int16))


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".mha"])
def test_rgb_is_read_as_color(tmp_path, suffix) -> None:
    array = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 3)).astype(np.uint8)
    path = tmp_path / f"photo{suffix}"
    image = itk_image(array, vector=True)
    if suffix == ".nii":
        # ITK writes NIfTI vectors as a fifth axis; RGB24 is what color NIfTI files hold.
        write_rgb_nifti(path, array)
    else:
        SimpleITK.WriteImage(image, str(path))

    assert read_volume(path).is_color
    np.testing.assert_array_equal(read_volume(path).array, array)


def write_rgb_nifti(path: Path, array: NDArray) -> None:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *array.shape[2::-1], 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 128, 24)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    path.write_bytes(bytes(header) + array.tobytes())


def test_a_two_dimensional_file_has_one_slice(tmp_path) -> None:
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    for suffix in (".nrrd", ".nii", ".mha"):
        path = tmp_path / f"slice{suffix}"
        SimpleITK.WriteImage(itk_image(array), str(path))
        np.testing.assert_array_equal(read_volume(path).array, array[None])


def test_nifti_slope_and_intercept_are_applied(tmp_path) -> None:
    path = tmp_path / "scaled.nii"
    SimpleITK.WriteImage(itk_image(np.arange(24, dtype=np.int16).reshape(2, 3, 4)), str(path))
    data = bytearray(path.read_bytes())
    struct.pack_into("<ff", data, 112, 2.0, -1024.0)
    path.write_bytes(data)

    volume = read_volume(path)

    np.testing.assert_array_equal(volume.array.ravel(), 2 * np.arange(24) - 1024)
    assert volume.array.dtype == np.int16


def test_nifti_takes_the_qform_when_there_is_no_sform(tmp_path) -> None:
    path = tmp_path / "qform.nii"
    image = itk_image(np.zeros((2, 3, 4), np.int16))
    SimpleITK.WriteImage(image, str(path))
    data = bytearray(path.read_bytes())
    assert struct.unpack_from("<h", data, 252)[0] > 0
    struct.pack_into("<h", data, 254, 0)
    path.write_bytes(data)

    np.testing.assert_allclose(read_volume(path).ijk_to_ras, itk_to_ras(image), atol=1e-5)


def test_big_endian_nifti_is_read(tmp_path) -> None:
    array = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    header = bytearray(352)
    struct.pack_into(">i", header, 0, 348)
    struct.pack_into(">8h", header, 40, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into(">hh", header, 70, 4, 16)
    struct.pack_into(">8f", header, 76, 1, 1, 2, 3, 0, 0, 0, 0)
    struct.pack_into(">f", header, 108, 352)
    header[344:348] = b"n+1\0"
    path = tmp_path / "big.nii.gz"
    path.write_bytes(gzip.compress(bytes(header) + array.tobytes()))

    volume = read_volume(path)

    np.testing.assert_array_equal(volume.array, array)
    assert volume.spacing_mm == (3.0, 2.0, 1.0)


def test_nrrd_in_ras_and_without_a_place(tmp_path) -> None:
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 1 1 2\nencoding: raw\nendian: little\n"
    values = np.array([5, 6], "<i2").tobytes()
    ras = tmp_path / "ras.nrrd"
    ras.write_bytes(
        (
            head + "space: right-anterior-superior\n"
            "space directions: (2, 0, 0) (0, 3, 0) (0, 0, 4)\nspace origin: (1,2,3)\n\n"
        ).encode()
        + values
    )
    bare = tmp_path / "bare.nrrd"
    bare.write_bytes((head + "\n").encode() + values)

    expected = np.diag([2.0, 3.0, 4.0, 1.0])
    expected[:3, 3] = 1, 2, 3
    np.testing.assert_array_equal(read_volume(ras).ijk_to_ras, expected)
    assert read_volume(ras).has_spacing
    assert not read_volume(bare).has_spacing
    np.testing.assert_array_equal(read_volume(bare).array.ravel(), [5, 6])


def test_a_written_volume_is_read_back_whole(tmp_path) -> None:
    matrix = np.diag([-0.7, 0.8, 2.5, 1.0])
    matrix[:3, 3] = [0.1, -1 / 3, 1e-7]
    half = np.random.default_rng(0).random((3, 4, 5)).astype(np.float16)
    for array in (half, half > 0.5, (1000 * half).astype(np.int16)):
        path = tmp_path / "out.nrrd"
        write_volume(Volume(array, matrix, "CT", "x"), path, overwrite=True)
        volume = read_volume(path)
        np.testing.assert_array_equal(volume.array, array)
        np.testing.assert_array_equal(volume.ijk_to_ras, matrix)
        itk = SimpleITK.ReadImage(str(path), imageIO="NrrdImageIO")
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(itk), array)
        np.testing.assert_allclose(itk_to_ras(itk), matrix, atol=1e-9)


def test_writing_over_a_file_or_under_another_name_is_refused(tmp_path) -> None:
    volume = Volume(np.zeros((1, 2, 3), np.int16), np.eye(4), "CT", "x")
    write_volume(volume, tmp_path / "a.nrrd")

    with pytest.raises(OutputError, match="exists already"):
        write_volume(volume, tmp_path / "a.nrrd")
    with pytest.raises(OutputError, match=r"a.png: volumes are written as .nrrd"):
        write_volume(volume, tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.nrrd"]


def test_values_with_hounsfield_units_count_as_ct(tmp_path) -> None:
    rng = np.random.default_rng(0)
    ct = np.where(rng.random((8, 20, 20)) < 0.5, -850, 40).astype(np.int16)
    mr = rng.integers(0, 900, (8, 20, 20)).astype(np.int16)
    for name, array, modality in (("ct", ct, "CT"), ("mr", mr, "")):
        write_volume(Volume(array, np.eye(4), "", name), tmp_path / f"{name}.nrrd")
        assert read_volume(tmp_path / f"{name}.nrrd").modality == modality


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
def test_a_real_study_is_the_same_from_dicom_and_from_nifti() -> None:
    root = SHARED / "ibsi_lung_ct" / "ibsi_1_ct_radiomics_phantom"

    dicom = to_axial(read_volume(root / "dicom" / "image"))
    nifti = to_axial(read_volume(root / "nifti" / "image" / "phantom.nii.gz"))

    np.testing.assert_array_equal(dicom.array, nifti.array)
    assert dicom.array.dtype == nifti.array.dtype == np.int16
    np.testing.assert_allclose(dicom.ijk_to_ras, nifti.ijk_to_ras, atol=1e-3)
    assert dicom.modality == nifti.modality == "CT"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real volumes aren't on this machine")
def test_a_real_study_is_the_same_from_dicom_and_from_nrrd() -> None:
    dicom = read_volume(SHARED / "cip_chest_ct64" / "dicom")
    nrrd = read_volume(SHARED / "cip_chest_ct64" / "ct-64.nrrd")

    np.testing.assert_array_equal(dicom.array, nrrd.array)
    np.testing.assert_allclose(dicom.ijk_to_ras, nrrd.ijk_to_ras, atol=1e-3)


def test_an_unknown_kind_of_file_is_named(tmp_path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")

    with pytest.raises(ImageReadError, match=r"notes\.txt: not a kind of file that can be read"):
        read_volume(path)
