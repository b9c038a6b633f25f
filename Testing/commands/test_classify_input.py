"""``medai classify``: bad input is one plain line; what counts as one study; dates and patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from medai.cli import run
from medai.images import Volume, lung_window, write_volume
from medai.phantoms import chest_ct
from medai.phantoms.lens_oct import lens_oct
from Testing.images.dicom_files import write_series
from Testing.model_folders import write_model

COVID, LESIONS = "tiny-covid", "tiny-lesions"
PHANTOM = chest_ct(shape=(12, 64, 64), spacing_mm=(24.0, 5.4, 5.4))
HU = PHANTOM.volume.array


def _sure(network: nn.Module) -> None:
    """Every voxel a lesion: then the lesion volume is the lungs'."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias") and parameter.shape == (2,):
            nn.init.constant_(parameter[1:], 50.0)


@pytest.fixture(scope="module", autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own MedAI folder holds two small models."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("user")
        patch.setenv("XDG_DATA_HOME", str(home))
        models = home / "MedAI" / "Models"
        write_model(models / COVID, "ctnet10", ("COVID-19",), size=128, task="covid")
        tiny = {"in_channels": 1, "classes": 2, "width": 4}
        write_model(models / LESIONS, "unet", ("lesion",), change=_sure, **tiny)
        yield


def classify(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, list[str]]:
    """Status, standard output, and the lines of standard error."""
    words = ["classify", *map(str, arguments), "--device", "cpu", "--lesion-model", LESIONS]
    status = run(words if "--model" in words else [*words, "--model", COVID])
    captured = capsys.readouterr()
    return status, captured.out, captured.err.strip().splitlines()


def study(folder: Path, name: str = "chest", *, larger: float = 1.0) -> Path:
    path = folder / f"{name}.nrrd"
    matrix = PHANTOM.volume.ijk_to_ras @ np.diag([larger, larger, larger, 1.0])
    write_volume(Volume(HU, matrix, "CT", name), path)
    return path


def dicom(folder: Path, name: str, **elements: object) -> Path:
    place = {"PixelSpacing": [5.4, 5.4], **elements}
    write_series(folder / name, HU, step_mm=24.0, **place)
    return folder / name


def png(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def ct_picture(path: Path, index: int = 6) -> Path:
    return png(path, lung_window(HU[index]))


def oct_picture(folder: Path) -> Path:
    return png(folder / "eye.png", lens_oct(seed=2).volume.array[0])


def oct_dicom(folder: Path) -> Path:
    write_series(folder / "eye", lens_oct(seed=2).volume.array, Modality="OPT")
    return folder / "eye"


def photograph(folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    return png(folder / "photo.jpg", pixels)


def photograph_among_slices(folder: Path) -> Path:
    pictures = folder / "pictures"
    pictures.mkdir()
    ct_picture(pictures / "a.png")
    png(pictures / "b.png", np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8))
    return pictures


def one_slice(folder: Path) -> Path:
    path = folder / "slice.nrrd"
    write_volume(Volume(HU[6:7], PHANTOM.volume.ijk_to_ras, "CT", "slice"), path)
    return path


def abdomen(folder: Path) -> Path:
    path = folder / "belly.nrrd"
    array = np.full((20, 64, 64), -1000, np.int16)
    array[:, 8:56, 8:56] = 40
    write_volume(Volume(array, np.diag([-5.0, -5.0, 5.0, 1.0]), "CT", "belly"), path)
    return path


def black_volume(folder: Path) -> Path:
    path = folder / "black.nrrd"
    write_volume(Volume(np.zeros((12, 32, 32), np.int16), np.eye(4), "CT", "black"), path)
    return path


def black_picture(folder: Path) -> Path:
    return png(folder / "black.png", np.zeros((64, 64), np.uint8))


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def notes_only(folder: Path) -> Path:
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.txt").write_text("no picture here")
    return folder / "notes"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (oct_picture, "eye.png does not look like a chest CT slice: mean gray"),
        (oct_dicom, "modality OPT, expected a CT study"),
        (photograph, "photo.jpg is a color picture"),
        (photograph_among_slices, "b.png is a color picture"),
        (one_slice, "64×64×1 voxels, expected a CT study"),
        (abdomen, "belly.nrrd: no lungs found, expected a chest CT"),
        (black_volume, "the same value 0 everywhere"),
        (black_picture, "black.png does not look like a chest CT slice"),
        (empty_folder, "the folder is empty"),
        (notes_only, "no DICOM images among 1 file(s)"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    make: Callable[[Path], Path], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    status, _, lines = classify(capsys, make(tmp_path / "in"), "-o", tmp_path / "out")
    assert (status, len(lines)) == (2, 1), lines
    assert words in lines[0]
    assert "Traceback" not in lines[0]
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


def test_a_model_for_another_task_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, lines = classify(capsys, study(tmp_path), "-o", tmp_path / "out", "--model", LESIONS)
    assert (status, len(lines)) == (3, 1)
    assert LESIONS in lines[0]
    assert "lesions" in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--prior-date", "2026-02-10", "--date", "2026-01-30"), "11 days before the first study"),
        (("--prior-date", "30.1.2026"), "expected a date like 2026-01-31"),
        (("--no-severity",), "leave out --no-severity"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(
    options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = study(tmp_path)
    status, _, lines = classify(
        capsys, given, "-o", tmp_path / "out", "--prior", study(tmp_path, "prior"), *options
    )
    assert (status, len(lines)) == (2, 1)
    assert words in lines[0]


def test_an_earlier_study_of_pictures_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = ct_picture(tmp_path / "a.png")
    out, volume = tmp_path / "out", study(tmp_path)
    status, _, lines = classify(capsys, picture, "-o", out, "--prior", volume)
    assert (status, len(lines)) == (2, 1)
    assert "expected a CT volume" in lines[0]
    status, _, lines = classify(capsys, volume, "-o", out, "--prior", picture)
    assert (status, len(lines)) == (2, 1)
    assert "a.png" in lines[0]


def test_dates_and_patient_are_read_from_dicom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = dicom(tmp_path, "later", PatientID="MRN-1", StudyDate="20260210")
    earlier = dicom(tmp_path, "earlier", PatientID="MRN-1", StudyDate="20260130")
    out = tmp_path / "out"
    status, answer, lines = classify(capsys, later, "-o", out, "--prior", earlier)
    assert status == 0, lines
    assert "11 days earlier" in answer
    written = json.loads((out / "classification.json").read_text())
    assert written["follow_up"]["days"] == 11
    assert written["follow_up"]["opacity_change_points"] == pytest.approx(0.0)
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    for secret in (b"MRN-1", b"Secret", b"20260210", b"2026-02-10"):
        assert secret not in everything
        assert secret.decode() not in answer + "".join(lines)

    status, _, lines = classify(capsys, earlier, "-o", tmp_path / "b", "--prior", later)
    assert (status, len(lines)) == (2, 1)
    assert "11 days before the first study" in lines[0]

    other = dicom(tmp_path, "other", PatientID="MRN-2", StudyDate="20260101")
    status, _, lines = classify(capsys, later, "-o", tmp_path / "c", "--prior", other)
    assert (status, len(lines)) == (2, 1)
    assert "of another patient" in lines[0]
    assert "MRN" not in lines[0]
    assert not (tmp_path / "c").exists()


def test_lungs_of_another_size_warn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prior = study(tmp_path, "prior", larger=0.8)
    status, _, lines = classify(capsys, study(tmp_path), "-o", tmp_path / "out", "--prior", prior)
    assert status == 0
    (said,) = [line for line in lines if "lung volumes differ" in line]
    # A chest of 0.8 the size has 1 / 0.8³ times less lung; voxels at the border cost a point.
    expected = 100 * (1 / 0.8**3 - 1)
    number = int(said.partition("differ by ")[2].partition(" %")[0])
    assert number == pytest.approx(expected, abs=2) and "another patient" in said


def test_a_folder_of_pictures_is_one_patient_and_its_pictures_are_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = [ct_picture(folder / f"slice{n}.png", index=4 + n) for n in (1, 2, 3)]
    pictures.append(ct_picture(folder / "slice10.png", index=4))
    (folder / ".hidden.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("from the journal")
    status, answer, lines = classify(capsys, folder, "-o", tmp_path / "one")
    assert status == 0, lines
    assert "(4 slices)" in answer
    together = json.loads((tmp_path / "one" / "classification.json").read_text())

    status, answer, _ = classify(capsys, *pictures, "-o", tmp_path / "several")
    assert status == 0
    assert [line.split(":")[0] for line in answer.strip().splitlines()] == [
        picture.name for picture in pictures
    ]
    apart = json.loads((tmp_path / "several" / "classification.json").read_text())["studies"]
    # The most suspicious quarter of four pictures is one, whose order in the folder is by number.
    assert together["covid_probability"] == max(each["covid_probability"] for each in apart)
    rows = (tmp_path / "one" / "slices.csv").read_text().splitlines()[1:]
    each = [float(row.split(",")[3]) for row in rows]
    assert each == pytest.approx([part["covid_probability"] for part in apart], abs=1e-5)


def test_pictures_beside_dicom_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = dicom(tmp_path, "mixed")
    ct_picture(folder / "key.png")
    status, answer, _ = classify(capsys, folder, "-o", tmp_path / "out", "--no-severity")
    assert status == 0
    assert "(1 slice)" not in answer
