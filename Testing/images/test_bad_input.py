"""Everything that can be wrong with an input gives one plain line of a known type."""

from __future__ import annotations

import errno
import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from medai.errors import GeometryError, ImageReadError, InputError, UnsuitableImageError
from medai.images import Volume, read_segmentation, read_volume, write_volume
from medai.images.hounsfield import require_ct_study
from Testing.images.dicom_files import write_series, write_slice

SUFFIXES = (".nrrd", ".nii", ".nii.gz", ".mha", ".dcm", ".png", ".tif", ".bmp", ".jpg")
RNG = np.random.default_rng(0)


def refused(path: Path, kind: type[InputError] = ImageReadError) -> str:
    """Reads ``path``, checks the error's form, and gives its text."""
    with pytest.raises(kind) as error:
        read_volume(path)
    text = str(error.value)
    assert text
    assert "\n" not in text
    assert path.name in text
    return text


def nrrd_header(path: Path, **fields: str) -> bytes:
    lines = {
        "type": "short",
        "dimension": "3",
        "sizes": "4 5 6",
        "encoding": "raw",
        "endian": "little",
        "space": "left-posterior-superior",
        "space directions": "(1,0,0) (0,1,0) (0,0,1)",
        "space origin": "(0,0,0)",
        **{key.replace("_", " "): value for key, value in fields.items()},
    }
    return ("NRRD0004\n" + "".join(f"{k}: {v}\n" for k, v in lines.items()) + "\n").encode()


def test_a_missing_path(tmp_path) -> None:
    assert "doesn't exist, expected a DICOM folder" in refused(tmp_path / "nothing.nrrd")


def test_an_empty_folder_and_one_without_images(tmp_path) -> None:
    assert "the folder is empty" in refused(tmp_path)
    (tmp_path / "readme.txt").write_text("hello")
    assert "no DICOM images among 1 file(s)" in refused(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_text_file_with_an_images_name(tmp_path, suffix, capfd) -> None:
    path = tmp_path / f"study{suffix}"
    path.write_text("This is a letter, not an image.\n" * 20)

    refused(path)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file(tmp_path, suffix) -> None:
    path = tmp_path / f"study{suffix}"
    path.touch()

    assert "the file is empty" in refused(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".nii.gz", ".mha"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_truncated_file(tmp_path, suffix, compressed, share, capfd) -> None:
    image = SimpleITK.GetImageFromArray(RNG.integers(0, 999, (9, 20, 20)).astype(np.int16))
    path = tmp_path / f"study{suffix}"
    SimpleITK.WriteImage(image, str(path), compressed)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    refused(path)

    assert capfd.readouterr() == ("", "")


def test_a_damaged_compressed_file(tmp_path) -> None:
    path = tmp_path / "study.nii.gz"
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(RNG.integers(0, 999, (9, 20, 20)).astype(np.int16)), str(path)
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)

    refused(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path, value) -> None:
    array = np.zeros((4, 5, 6), np.float32)
    array[1, 2, 3:5] = value
    write_volume(Volume(array, np.eye(4), "CT", "x"), tmp_path / "x.nrrd")

    assert "2 voxels are NaN or infinite" in refused(tmp_path / "x.nrrd")


@pytest.mark.parametrize("directions", ["(0,0,0) (0,1,0) (0,0,1)", "(1,0,0) (1,0,0) (0,0,1)"])
def test_a_spacing_of_zero_and_axes_on_one_line(tmp_path, directions) -> None:
    path = tmp_path / "x.nrrd"
    path.write_bytes(nrrd_header(path, space_directions=directions) + bytes(240))

    assert "expected positive and independent" in refused(path, GeometryError)


def test_a_spacing_of_zero_in_nifti_metaimage_and_dicom(tmp_path) -> None:
    nifti = tmp_path / "x.nii"
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    nifti.write_bytes(bytes(header) + bytes(48))
    meta = tmp_path / "x.mha"
    meta.write_bytes(
        b"NDims = 3\nDimSize = 4 3 2\nElementSpacing = 1 0 1\nElementType = MET_SHORT\n"
        b"ElementDataFile = LOCAL\n" + bytes(48)
    )
    dicom = tmp_path / "x.dcm"
    write_slice(dicom, RNG.integers(0, 9, (16, 16)).astype(np.uint16), PixelSpacing=[0, 0])

    for path in (nifti, meta, dicom):
        refused(path, GeometryError)


@pytest.mark.parametrize("sizes", ["0 5 6", "-4 5 6", "4 5", "4 5 6 7", "4 5 x", "4 5 1e9"])
def test_impossible_sizes(tmp_path, sizes) -> None:
    path = tmp_path / "x.nrrd"
    path.write_bytes(nrrd_header(path, sizes=sizes) + bytes(240))

    refused(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_a_header_cannot_make_us_allocate_what_the_file_does_not_hold(tmp_path, encoding) -> None:
    path = tmp_path / "x.nrrd"
    data = gzip.compress(bytes(100)) if encoding == "gzip" else bytes(100)
    for sizes in ("100000 100000 100000", "1000 1000 1000"):
        path.write_bytes(nrrd_header(path, sizes=sizes, encoding=encoding) + data)
        tracemalloc.start()
        refused(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20 << 20


def test_a_hostile_nifti_or_metaimage_header(tmp_path) -> None:
    nifti = tmp_path / "x.nii.gz"
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 32767, 32767, 32767, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 64, 64)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    header[344:348] = b"n+1\0"
    nifti.write_bytes(gzip.compress(bytes(header)))
    meta = tmp_path / "x.mha"
    meta.write_bytes(
        b"NDims = 3\nDimSize = 99999 99999 99999\nElementType = MET_DOUBLE\n"
        b"ElementDataFile = LOCAL\n"
    )

    for path in (nifti, meta):
        assert "its header declares" in refused(path)


@pytest.mark.parametrize("name", ["../secret.raw", "/etc/hostname", "sub/x.raw", "missing.raw"])
def test_a_detached_header_reaches_only_its_own_folder(tmp_path, name) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(240))
    folder = tmp_path / "study"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "x.raw").write_bytes(bytes(240))
    path = folder / "x.nhdr"
    path.write_bytes(nrrd_header(path, data_file=name))

    assert "expected one file beside the header" in refused(path)


def test_a_nrrd_header_that_never_ends(tmp_path) -> None:
    path = tmp_path / "x.nrrd"
    path.write_bytes(b"NRRD0004\n" + b"# nothing\n" * 600_000)

    refused(path)


def test_random_damage_never_gives_another_kind_of_error(tmp_path, capfd) -> None:
    image = SimpleITK.GetImageFromArray(RNG.integers(0, 999, (4, 6, 7)).astype(np.int16))
    rng = np.random.default_rng(5)
    for suffix in (".nrrd", ".nii", ".nii.gz", ".mha"):
        good = tmp_path / f"good{suffix}"
        SimpleITK.WriteImage(image, str(good))
        content = good.read_bytes()
        for _ in range(150):
            damaged = bytearray(content)
            for at in rng.integers(0, min(len(content), 500), 6):
                damaged[at] = rng.integers(0, 256)
            path = tmp_path / f"bad{suffix}"
            path.write_bytes(damaged)
            try:
                read_volume(path)
            except InputError as error:
                assert "\n" not in str(error)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.nrrd"
    path.write_bytes(nrrd_header(path) + bytes(240))

    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Root may read every file, so the system's refusal is played.
    monkeypatch.setattr(Path, "open", denied)

    assert "Permission denied" in refused(path)


def test_a_segmentation_that_is_missing_or_of_real_numbers(tmp_path) -> None:
    with pytest.raises(ImageReadError, match="doesn't exist"):
        read_segmentation(tmp_path / "a.seg.nrrd")
    write_volume(Volume(np.full((2, 2, 2), 0.5), np.eye(4), "", "x"), tmp_path / "b.nrrd")
    with pytest.raises(ImageReadError, match="expected whole-number labels"):
        read_segmentation(tmp_path / "b.nrrd")


def ct(shape: tuple[int, ...] = (8, 20, 20)) -> np.ndarray:
    return np.where(RNG.random(shape) < 0.5, -850, 40).astype(np.int16)


@pytest.mark.parametrize(
    ("array", "modality", "problem"),
    [
        (RNG.integers(0, 255, (8, 20, 20, 3)), "", "a color image"),
        (ct((1, 20, 20)), "CT", "20×20×1 voxels"),
        (ct((1, 1, 1)), "CT", "1×1×1 voxels"),
        (np.zeros((8, 20, 20)), "CT", "the same value 0.0 everywhere"),
        (RNG.integers(0, 255, (8, 20, 20)), "", "that aren't Hounsfield units"),
        (ct(), "MR", "modality MR"),
    ],
)
def test_what_is_not_a_ct_study_is_refused_as_one(array, modality, problem) -> None:
    with pytest.raises(UnsuitableImageError) as error:
        require_ct_study(Volume(array, np.eye(4), modality, "study"))

    assert str(error.value).startswith("study: ")
    assert problem in str(error.value)
    assert str(error.value).endswith(
        "expected a CT study in Hounsfield units with at least 3 slices."
    )


def test_a_picture_without_millimetres_is_no_ct_study() -> None:
    volume = Volume(ct(), np.eye(4), "CT", "study", has_spacing=False)

    with pytest.raises(UnsuitableImageError, match="no spacing in mm"):
        require_ct_study(volume)


def test_a_ct_study_passes_stated_or_recognised() -> None:
    require_ct_study(Volume(ct(), np.eye(4), "CT", "study"))
    require_ct_study(Volume(ct(), np.eye(4), "", "study"))


def test_one_dicom_slice_as_a_ct_study(tmp_path) -> None:
    (only,) = write_series(tmp_path / "s", ct((1, 20, 20)))

    with pytest.raises(UnsuitableImageError, match=f"{only.name}: 20×20×1 voxels"):
        require_ct_study(read_volume(only))
