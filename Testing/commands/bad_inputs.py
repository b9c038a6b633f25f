"""Files and folders that a user might give by mistake, one folder of them for all commands."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK
from PIL import Image

from medai.images import lung_window, write_volume
from medai.phantoms import chest_ct
from Testing.images.dicom_files import write_series
from Testing.model_folders import write_model

PHANTOM = chest_ct(shape=(12, 64, 64), spacing_mm=(24.0, 5.4, 5.4))
CHEST = PHANTOM.volume


class _Payload:
    """What would run when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("ran",)


def make_bad_inputs(folder: Path) -> None:
    """Write everything that ``test_bad_input.CASES`` names into a new folder."""
    folder.mkdir()
    _volumes(folder)
    _masks(folder)
    _pictures(folder)
    _dicom(folder)
    _tables(folder)
    _models(folder)
    (folder / "empty").mkdir()
    (folder / "occupied").mkdir()
    (folder / "occupied" / "mine.txt").write_text("mine")
    (folder / "file.txt").write_text("no folder")


def _saved(folder: Path, name: str, array: np.ndarray, **changes: object) -> None:
    write_volume(replace(CHEST, array=array, name=Path(name).stem, **changes), folder / name)


def _volumes(folder: Path) -> None:
    _saved(folder, "chest.nrrd", CHEST.array)
    whole = (folder / "chest.nrrd").read_bytes()
    (folder / "cut.nrrd").write_bytes(whole[: len(whole) // 2])
    (folder / "text.nrrd").write_text("this is a letter")
    image = SimpleITK.GetImageFromArray(CHEST.array)
    image.SetSpacing(CHEST.spacing_mm[::-1])
    SimpleITK.WriteImage(image, str(folder / "chest.nii.gz"))
    packed = (folder / "chest.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(packed[: len(packed) // 2])
    SimpleITK.WriteImage(SimpleITK.JoinSeries([image, image]), str(folder / "four.nii"))
    _saved(folder, "black.nrrd", np.zeros_like(CHEST.array))
    _saved(folder, "two.nrrd", CHEST.array[5:7])
    _saved(folder, "windowed.nrrd", lung_window(CHEST.array).astype(np.int16))
    belly = np.full((20, 64, 64), -1000, np.int16)
    belly[:, 8:56, 8:56] = 40
    _saved(folder, "belly.nrrd", belly)
    holes = CHEST.array.astype(np.float32)
    holes[4, 10:20] = np.nan
    _saved(folder, "holes.nrrd", holes)
    (folder / "chest.mha").write_text("ObjectType = Image\nNDims = 3\n")


def _masks(folder: Path) -> None:
    mask = (PHANTOM.lesions > 0).astype(np.uint8)
    _saved(folder, "mask.nrrd", mask, modality="")
    _saved(folder, "nothing.nrrd", np.zeros_like(mask), modality="")
    far = CHEST.ijk_to_ras.copy()
    far[:3, 3] += 5000.0
    _saved(folder, "far.nrrd", mask, modality="", ijk_to_ras=far)
    _saved(folder, "shorter.nrrd", PHANTOM.lungs[:6], modality="")
    seven = PHANTOM.lungs.copy()
    seven[seven > 0] = 1 + np.arange(int((seven > 0).sum())) % 7
    _saved(folder, "seven.nrrd", seven, modality="")
    many = np.arange(mask.size).reshape(mask.shape).astype(np.int32)
    _saved(folder, "many.nrrd", many, modality="")
    (folder / "letter.seg.nrrd").write_text("this is a letter")


def _pictures(folder: Path) -> None:
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (60, 80, 3)).astype(np.uint8)).save(
        folder / "photo.png"
    )
    slice_8_bit = lung_window(CHEST.array[6])
    Image.fromarray(slice_8_bit).save(folder / "slice.png")
    (folder / "cut.png").write_bytes((folder / "slice.png").read_bytes()[:200])
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "black.png")
    Image.fromarray(slice_8_bit[:10, :10]).save(folder / "tiny.png")
    for image, raters in (("alone", ("AB",)), ("differ", ("AB", "CD"))):
        (folder / image / "case").mkdir(parents=True)
        for number, rater in enumerate(raters):
            side = 64 - 8 * number
            picture = np.zeros((side, side), np.uint8)
            picture[10:20, 10:20] = 255
            Image.fromarray(picture).save(folder / image / "case" / f"{rater}.png")


def _dicom(folder: Path) -> None:
    place = {"PixelSpacing": [5.4, 5.4]}
    write_series(folder / "series", CHEST.array, step_mm=24.0, **place)
    write_series(folder / "magnetic", CHEST.array, step_mm=24.0, Modality="MR", **place)
    paths = write_series(folder / "damaged", CHEST.array, step_mm=24.0, **place)
    paths[3].write_bytes(paths[3].read_bytes()[:900])
    write_series(folder / "gap", CHEST.array[:4], step_mm=24.0, **place)
    places = {**place, "ImagePositionPatient": [-10.0, -20.0, 700.0]}
    write_series(folder / "gap", CHEST.array[4:5], prefix="b", **places)


def _tables(folder: Path) -> None:
    texts = {
        "no-study.csv": "name\nA\n",
        "unknown-column.csv": "study,colour\nchest.nrrd,red\n",
        "no-rows.csv": "study\n",
        "twice.csv": "study,name\nchest.nrrd,A\nchest.nrrd,A\n",
        "no-label.csv": "study,label\nother.nrrd,1\n",
        "no-columns.csv": "a,b\n1,2\n",
        "scores-twice.csv": "image,rater,score\n1,AB,2\n1,AB,3\n1,CD,2\n",
        "scores-one.csv": "image,rater,score\n1,AB,3\n2,AB,2\n",
        "eyes.csv": "picture,side\nslice.png,OD\n",
        "patient.csv": "shoe size\n43\n",
        "binary.csv": "study\n\0\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)


def _models(folder: Path) -> None:
    tiny = {"in_channels": 1, "classes": 2, "width": 4}
    write_model(folder / "model", "unet", ("lesion",), **tiny)
    card = (folder / "model" / "card.toml").read_text()
    (folder / "half.toml").write_text(card.partition("[licence]")[0])
    (folder / "other.toml").write_text(card.replace('sha256 = "', 'sha256 = "0000')[: len(card)])
    digest = card.partition('sha256 = "')[2][:64]
    (folder / "hash.toml").write_text(card.replace(digest, 64 * "0"))
    (folder / "code.pt").write_bytes(pickle.dumps(_Payload()))
    (folder / "text.pt").write_text("no weights")
    np.savez(folder / "no-masks.npz", images=np.zeros((2, 8, 8), np.uint8))
