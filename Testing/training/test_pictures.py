"""Classified pictures: folders by class, COVIDx-CT names, no patient in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medai.errors import TrainingDataError
from training.classifier import ClassifierSettings, split_pictures
from training.pictures import (
    FramedPictures,
    picture_patient,
    read_class_folders,
    read_covidx,
    refuse_shared_patients,
)


def test_class_folders_give_labels_in_the_order_asked_for(class_folders: Path) -> None:
    pictures = read_class_folders(class_folders / "train", ("noncovid", "covid"))
    assert [p.label for p in pictures] == [0] * 4 + [1] * 4
    assert pictures[0].image.shape == (64, 64)


def test_a_missing_class_folder_is_named(class_folders: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"class folder .*healthy is missing"):
        read_class_folders(class_folders / "train", ("healthy", "covid"))


def test_parts_of_one_figure_belong_to_one_patient() -> None:
    first = picture_patient(Path("2020.03.09.20033118-p20-93%0.png"), "covid")
    second = picture_patient(Path("2020.03.09.20033118-p20-93%1.png"), "covid")
    other = picture_patient(Path("2020.03.09.20033118-p20-94.png"), "covid")
    assert first == second != other


def test_covidx_names_carry_class_and_patient(tmp_path: Path) -> None:
    for name in ("NCP_96_1328_0061", "CP_7_3000_0003", "Normal_1_2_3"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / f"{name}.png")
    found = {(p.patient, p.label) for p in read_covidx(tmp_path)}
    assert found == {("96", 2), ("7", 1), ("1", 0)}
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "Flu_1_2_3.png")
    with pytest.raises(TrainingDataError, match="class 'Flu', expected Normal, CP, NCP"):
        read_covidx(tmp_path)
    (tmp_path / "Flu_1_2_3.png").rename(tmp_path / "scan.png")
    with pytest.raises(TrainingDataError, match=r"scan\.png: expected a name of the form"):
        read_covidx(tmp_path)


def test_a_patient_in_two_splits_is_refused(class_folders: Path) -> None:
    pictures = read_class_folders(class_folders / "train", ("noncovid", "covid"))
    with pytest.raises(TrainingDataError, match="2 patients are in both splits"):
        refuse_shared_patients(pictures[:3], pictures[1:], "train and val")


def settings_for(folder: Path, split: str) -> ClassifierSettings:
    return ClassifierSettings(
        output=folder / "run", train=folder / "train", validation=folder / "val", split=split
    )


def test_a_random_split_warns_that_it_leaks(class_folders: Path) -> None:
    with pytest.warns(UserWarning, match="random split puts pictures of one patient on both sides"):
        learn, kept = split_pictures(settings_for(class_folders, "random"))
    assert len(learn) == 14  # of 16: a tenth to validate, a tenth that nobody looks at
    assert len(kept) == 1
    assert not {p.name for p in learn} & {p.name for p in kept}


def test_an_unknown_split_is_refused(class_folders: Path) -> None:
    with pytest.raises(TrainingDataError, match="split = 'patient', expected given or random"):
        split_pictures(settings_for(class_folders, "patient"))


def test_pictures_are_framed_as_inference_frames_them(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((10, 20), 200, np.uint8)).save(tmp_path / "a" / "x.png")
    framed = FramedPictures(read_class_folders(tmp_path, ("a",)), (40, 40))
    image, label = framed[0]
    assert label == 0
    assert image.shape == (1, 40, 40)
    assert (image[0, :20] == 200).all()
    assert (image[0, 20:] == 0).all()
