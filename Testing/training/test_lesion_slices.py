"""Lesion slices: found, checked, oriented, grouped by patient and split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medai.errors import TrainingDataError
from Testing.training.conftest import lung_phantom
from training.lesion_slices import look_alike_groups, orient, read_lesion_slices, split_folds
from training.phantom_slices import phantom_slices

CORNERS = np.array([[1, 2], [3, 4]])


def test_orientations_bring_a_picture_upright() -> None:
    assert orient(CORNERS, "none").tolist() == [[1, 2], [3, 4]]
    assert orient(CORNERS, "90").tolist() == [[2, 4], [1, 3]]
    assert orient(CORNERS, "180").tolist() == [[4, 3], [2, 1]]
    assert orient(CORNERS, "270").tolist() == [[3, 1], [4, 2]]
    assert orient(CORNERS, "transpose").tolist() == [[1, 3], [2, 4]]
    with pytest.raises(TrainingDataError, match="rotate = '45', expected one of"):
        orient(CORNERS, "45")


def test_slices_are_read_with_classes_and_patients(slice_folders: tuple[Path, Path]) -> None:
    slices = read_lesion_slices(*slice_folders)
    assert [item.patient for item in slices] == [f"p{k}" for k in range(10)]
    image, classes = lung_phantom(3)
    assert np.array_equal(slices[3].image, image)
    assert np.array_equal(slices[3].mask, classes)


def test_image_and_mask_are_turned_together(slice_folders: tuple[Path, Path]) -> None:
    slices = read_lesion_slices(*slice_folders, rotate="transpose")
    image, classes = lung_phantom(0)
    assert np.array_equal(slices[0].image, image.T)
    assert np.array_equal(slices[0].mask, classes.T)


def test_palette_masks_keep_their_class_numbers(tmp_path: Path) -> None:
    (tmp_path / "i").mkdir()
    (tmp_path / "m").mkdir()
    Image.fromarray(np.full((4, 4), 90, np.uint8)).save(tmp_path / "i" / "a_1.jpg")
    mask = Image.fromarray(np.array([[0, 1], [2, 2]], np.uint8).repeat(2, 0).repeat(2, 1), "P")
    mask.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    mask.save(tmp_path / "m" / "a_1.png")
    (item,) = read_lesion_slices(tmp_path / "i", tmp_path / "m")
    assert item.mask is not None
    assert np.bincount(item.mask.ravel()).tolist() == [4, 4, 8]


def remove_mask(images: Path, masks: Path) -> None:
    (masks / "p2_0.png").unlink()


def shrink_mask(images: Path, masks: Path) -> None:
    Image.fromarray(np.zeros((9, 5), np.uint8)).save(masks / "p2_0.png")


def break_image(images: Path, masks: Path) -> None:
    (images / "p2_0.png").write_bytes(b"not a picture")


def strange_mask(images: Path, masks: Path) -> None:
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(masks / "p2_0.png")


def lungs_as_value_1(images: Path, masks: Path) -> None:
    for file in masks.iterdir():
        values = np.zeros((64, 64), np.uint8)
        values[8:56, 4:28] = values[8:56, 36:60] = 1
        values[40:50, 10:20] = 2
        Image.fromarray(values).save(file)


def empty_folder(images: Path, masks: Path) -> None:
    for file in images.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove_mask, r"p2_0\.png has no mask of the same name"),
        (shrink_mask, r"p2_0\.png: 5×9 px, but its image p2_0\.png has 64×64 px"),
        (break_image, r"p2_0\.png can't be read as a picture"),
        (strange_mask, r"p2_0\.png: values \[7\], expected classes 0, 1, 2"),
        (lungs_as_value_1, r"value 1 covers 51 % and more of both halves"),
        (empty_folder, "holds no pictures"),
    ],
)
def test_bad_data_is_refused_in_one_line_that_names_it(
    slice_folders: tuple[Path, Path], damage: Callable[[Path, Path], None], words: str
) -> None:
    damage(*slice_folders)
    with pytest.raises(TrainingDataError, match=words) as caught:
        read_lesion_slices(*slice_folders)
    assert "\n" not in str(caught.value)


def test_a_pattern_finds_the_patient_in_cncb_names(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("NCP_96_1328_0061", "NCP_96_1328_0062", "CP_7_3000_0003"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "images" / f"{name}.png")
    slices = read_lesion_slices(tmp_path / "images", None, patients=r"^[A-Z]+_(\d+)_")
    assert sorted(item.patient for item in slices) == ["7", "96", "96"]
    with pytest.raises(TrainingDataError, match="no patient found by the pattern"):
        read_lesion_slices(tmp_path / "images", None, patients=r"^(X)_")


def test_slices_that_look_alike_share_a_group() -> None:
    first, _ = lung_phantom(0)
    noisy = np.clip(first.astype(int) + 8, 0, 255).astype(np.uint8)
    other = np.random.default_rng(0).integers(0, 255, (70, 50)).astype(np.uint8)
    groups = look_alike_groups([first, other, noisy])
    assert groups[0] == groups[2] != groups[1]


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=20, max_size=60), st.integers(2, 5))
def test_no_patient_is_in_two_folds_and_folds_are_even(owners: list[int], folds: int) -> None:
    patients = [str(owner) for owner in owners]
    if len(set(patients)) < folds:
        with pytest.raises(TrainingDataError, match="can't fill"):
            split_folds(patients, folds)
        return
    split = split_folds(patients, folds)
    for patient in set(patients):
        assert len({f for f, p in zip(split, patients, strict=True) if p == patient}) == 1
    largest = max(patients.count(patient) for patient in patients)
    sizes = [split.count(fold) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= largest


def test_phantom_slices_are_cropped_to_the_lungs_and_have_lesions() -> None:
    slices = phantom_slices([0, 3], shape=(6, 72, 72), spacing_mm=(40.0, 5.0, 5.0))
    sick = [item for item in slices if item.patient == "phantom 0"]
    healthy = [item for item in slices if item.patient == "phantom 3"]
    assert len(sick) >= 3
    assert len(healthy) >= 3
    assert any((item.mask > 0).any() for item in sick)
    assert not any((item.mask > 0).any() for item in healthy)
    assert all(item.image.shape == item.mask.shape for item in slices)
    assert max(max(item.image.shape) for item in slices) < 72
