"""``medai segment`` on bad input: exit 2, one plain line, nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.cli import run
from medai.images import Volume, write_volume
from medai.phantoms import chest_ct
from Testing.images.dicom_files import write_slice
from Testing.model_folders import write_model

MODEL_ID = "tiny-unet"
PHANTOM = chest_ct(shape=(12, 64, 64), spacing_mm=(24.0, 5.4, 5.4))


@pytest.fixture(autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own MedAI folder holds one small model."""
    home = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    folder = home / "MedAI" / "Models" / MODEL_ID
    write_model(folder, "unet", ("lesion",), in_channels=1, classes=2, width=4)


def study(folder: Path) -> Path:
    path = folder / "chest.nrrd"
    write_volume(PHANTOM.volume, path)
    return path


def nothing(folder: Path) -> Path:
    return folder / "missing"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def text_file(folder: Path) -> Path:
    path = folder / "notes.nrrd"
    path.write_text("not an image at all\n")
    return path


def truncated(folder: Path) -> Path:
    path = study(folder)
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def dicom_with_a_slice_removed(folder: Path) -> Path:
    series = folder / "dicom"
    series.mkdir()
    for index, pixels in enumerate(PHANTOM.volume.array):
        if index != 5:
            write_slice(
                series / f"{index:02d}.dcm", pixels, ImagePositionPatient=[0, 0, 24.0 * index]
            ).save_as(series / f"{index:02d}.dcm")
    return series


def one_slice(folder: Path) -> Path:
    path = folder / "slice.nrrd"
    array = PHANTOM.volume.array[6:7]
    write_volume(Volume(array, PHANTOM.volume.ijk_to_ras, "CT", "slice"), path)
    return path


def photograph(folder: Path) -> Path:
    path = folder / "photo.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def zeros(folder: Path) -> Path:
    path = folder / "zeros.nrrd"
    write_volume(Volume(np.zeros((12, 32, 32), np.int16), np.eye(4), "CT", "zeros"), path)
    return path


def not_numbers(folder: Path) -> Path:
    path = folder / "nan.nrrd"
    array = PHANTOM.volume.array.astype(np.float32)
    array[3, 4, 5] = np.nan
    write_volume(Volume(array, PHANTOM.volume.ijk_to_ras, "CT", "nan"), path)
    return path


def one_voxel(folder: Path) -> Path:
    path = folder / "voxel.nrrd"
    write_volume(Volume(np.full((1, 1, 1), -800, np.int16), np.eye(4), "CT", "voxel"), path)
    return path


def no_spacing(folder: Path) -> Path:
    path = folder / "flat.nrrd"
    head = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 8 8 8\n"
        "space directions: (1,0,0) (0,1,0) (0,0,0)\nendian: little\nencoding: raw\n\n"
    )
    path.write_bytes(head.encode() + bytes(8 * 8 * 8 * 2))
    return path


def no_lungs(folder: Path) -> Path:
    path = folder / "block.nrrd"
    array = np.full((20, 64, 64), -1000, np.int16)
    array[:, 8:56, 8:56] = 40
    write_volume(Volume(array, np.diag([-5.0, -5.0, 5.0, 1.0]), "CT", "block"), path)
    return path


def segment(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str]]:
    status = run(["segment", *map(str, arguments), "--model", MODEL_ID, "--device", "cpu"])
    return status, capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "doesn't exist"),
        (empty_folder, "the folder is empty"),
        (text_file, "not a NRRD file"),
        (truncated, "chest.nrrd"),
        (dicom_with_a_slice_removed, "1 missing there"),
        (one_slice, "expected a CT study"),
        (photograph, "a color image"),
        (zeros, "the same value 0 everywhere"),
        (not_numbers, "1 voxels are NaN"),
        (one_voxel, "1×1×1 voxels"),
        (no_spacing, "spacing"),
        (no_lungs, "no lungs found"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    make: Callable[[Path], Path],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "in").mkdir()
    given = make(tmp_path / "in")
    status, lines = segment(capsys, given, "-o", tmp_path / "out")
    assert (status, len(lines)) == (2, 1), lines
    assert words in lines[0]
    assert "Traceback" not in lines[0]
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_results_that_are_there_stay_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("of last week")
    status, lines = segment(capsys, study(tmp_path), "-o", tmp_path / "out")
    assert (status, len(lines)) == (2, 1)
    assert "already holds files" in lines[0]
    assert (tmp_path / "out" / "report.html").read_text() == "of last week"


def test_an_output_that_can_not_be_a_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        status, lines = segment(capsys, study(tmp_path), "-o", output)
        assert (status, len(lines)) == (2, 1)
        assert str(output) in lines[0]
        (tmp_path / "chest.nrrd").unlink()


def test_a_read_only_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = study(tmp_path)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("This user may write into read-only folders (root).")
    status, lines = segment(capsys, given, "-o", locked / "out")
    assert (status, len(lines)) == (2, 1)
    assert "not writable" in lines[0]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = study(tmp_path)
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("A small file system can't be mounted here (needs root).")
    try:
        status, lines = segment(capsys, given, "-o", small / "out")
        left = list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith(f"medai: Can't write {small / 'out'}")
    assert lines[0].endswith(": the disk is full.")
    assert left == []


def test_a_lung_mask_on_another_grid_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = tmp_path / "lungs.nrrd"
    write_volume(Volume(np.ones((4, 4, 4), np.uint8), np.eye(4), "", "lungs"), mask)
    given = study(tmp_path)
    status, lines = segment(capsys, given, "-o", tmp_path / "out", "--lungs", mask)
    assert (status, len(lines)) == (2, 1)
    assert "expected the grid of chest.nrrd" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["segment"], 2, "Missing argument"),
        (["fly"], 2, "No such command"),
        (["segment", "x", "-o", "y", "--device", "tpu"], 2, "--device"),
        (["models", "show", "nobody"], 3, "No model named 'nobody'"),
    ],
)
def test_usage_and_model_errors_are_one_line(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == status
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
