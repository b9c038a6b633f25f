"""The CNCB slices as they are published: read right, trained with the paper's recipe, judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medai.errors import TrainingDataError
from Testing.training.published_sets import (
    CNCB_TEST,
    CNCB_TRAIN,
    CONFIGS,
    cncb_folder,
    cncb_keys,
    cncb_mask,
    run_module,
)
from training import lesions
from training.config import read_config
from training.detection import instances
from training.export import with_normalization
from training.lesion_slices import read_lesion_slices
from training.normalization import global_statistics

PAPER = sorted(CONFIGS.glob("lesions_*_paper.toml"))
SHORT = ["epochs=1", "steps_per_epoch=2", "accelerator=cpu", "threads=1"]


@pytest.fixture(scope="module")
def cncb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cncb_folder(tmp_path_factory.mktemp("cncb"))


def settings_of(config: str, folder: Path, *more: str) -> lesions.LesionSettings:
    file = CONFIGS / f"{config}.toml"
    return read_config(lesions.LesionSettings, file, [*cncb_keys(folder), *more])


def true_pixels(value: int) -> int:
    masks = [cncb_mask(seed)[1] for seed in range(len(CNCB_TRAIN) + len(CNCB_TEST))]
    return sum(int((mask == value).sum()) for mask in masks)


def test_the_command_line_says_what_it_understood(cncb: Path) -> None:
    config = str(CONFIGS / "lesions_r18_t1_paper.toml")
    changes = [part for key in cncb_keys(cncb) for part in ("--set", key)]
    done = run_module("lesions", "--config", config, *changes, "--check")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["images"], said["patients"]) == (6, 4)
    assert said["pixels"] == {
        "background": true_pixels(0),
        "lung": true_pixels(1),
        "ground-glass opacity": true_pixels(2),
        "consolidation": true_pixels(3),
    }
    assert said["lesion_px"] == true_pixels(2) + true_pixels(3)
    assert (said["train"]["patients"], said["validation"]["images"]) == (3, 2)


@pytest.mark.parametrize("file", PAPER, ids=lambda file: file.stem)
def test_every_recipe_understands_the_set(cncb: Path, file: Path) -> None:
    said = lesions.check(settings_of(file.stem, cncb))
    ground_glass_alone = "ggo" in file.stem
    assert said["lesion_px"] == true_pixels(2) + (0 if ground_glass_alone else true_pixels(3))
    assert (said["images"], said["patients"]) == (6, 4)
    assert 0 < said["normalization"]["mean"] < 1


def test_the_lung_is_never_a_lesion_even_where_no_slice_has_consolidation(tmp_path: Path) -> None:
    folder = cncb_folder(tmp_path / "cncb")
    for file in (folder / "masks").iterdir():
        mask = np.array(Image.open(file))
        Image.fromarray(np.where(mask == 3, 1, mask).astype(np.uint8)).save(file)
    said = lesions.check(settings_of("lesions_r18_t1_paper", folder))
    assert said["lesion_px"] == true_pixels(2)


def test_a_value_without_a_name_is_refused(cncb: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"values \[3\], expected those named in mask_val"):
        lesions.split(
            settings_of(
                "lesions_r18_t1_paper", cncb, 'mask_values={0="background",1="lung",2="lesion"}'
            )
        )
    with pytest.raises(TrainingDataError, match="mask_values: 'tumour', expected background, lung"):
        lesions.split(settings_of("lesions_r18_t1_paper", cncb, 'mask_values={0="tumour"}'))
    with pytest.raises(TrainingDataError, match="'x' is not a value of a mask"):
        lesions.split(settings_of("lesions_r18_t1_paper", cncb, 'mask_values={x="lung"}'))
    with pytest.raises(TrainingDataError, match=r"values \[3\], .*others need mask_values"):
        read_lesion_slices(cncb / "images", cncb / "masks", patients=r"^(\d+)_")


def test_the_authors_folders_of_train_and_test_are_read(cncb: Path, tmp_path: Path) -> None:
    keys = []
    for part, names, prefix in (("train", CNCB_TRAIN, ""), ("test", CNCB_TEST, "validation_")):
        for kind, here, suffix in (("imgs", "images", "jpg"), ("masks", "masks", "png")):
            target = tmp_path / part / kind
            target.mkdir(parents=True)
            for name in names:
                shutil.copy(cncb / here / f"{name}.{suffix}", target)
            keys.append(f"{prefix}{here}={target}")
    said = lesions.check(settings_of("lesions_r18_t1_paper", cncb, *keys))
    assert said["train"]["images"] == 4
    assert said["validation"]["images"] == 2


def test_a_patient_on_both_sides_is_refused(tmp_path: Path) -> None:
    folder = cncb_folder(tmp_path / "cncb")
    (folder / "test_split_segmentation.txt").write_text("0_115.jpg\n", encoding="utf-8")
    with pytest.raises(TrainingDataError, match="1 patients are in both splits, the first is '0'"):
        lesions.split(settings_of("lesions_r18_t1_paper", folder))


def test_statistics_are_those_of_every_training_pixel() -> None:
    images = [np.array([[0, 255]], np.uint8), np.array([[255], [255], [0], [51]], np.uint8)]
    found = global_statistics(images)
    grey = np.array([0, 1, 1, 1, 0, 0.2])
    assert found.mean == pytest.approx(grey.mean())
    assert found.std == pytest.approx(grey.std())
    with pytest.raises(TrainingDataError, match="Every pixel of the training pictures is 7"):
        global_statistics([np.full((2, 2), 7, np.uint8)])


@pytest.mark.parametrize("config", ["lesions_r18_t2_paper", "lesions_r18_t1_ggo_paper"])
def test_two_steps_are_trained_and_judged(cncb: Path, tmp_path: Path, config: str) -> None:
    settings = settings_of(
        config, cncb, *SHORT, f"output={tmp_path / 'run'}", "size=128", "crop=128"
    )
    best = lesions.train(settings)
    trained_by = torch.load(best, weights_only=True)["normalization"]
    assert trained_by == lesions.check(settings)["normalization"]
    card = with_normalization("[input]\nmean = 0.5\nstd = 0.3\n", best)
    assert card == f"[input]\nmean = {trained_by['mean']:.6g}\nstd = {trained_by['std']:.6g}\n"
    judged = lesions.judge(settings)
    assert judged["n"] == 2
    assert {"Dice", "AP@0.5", "AP@0.5, per image, scores ≥ 0.75"} <= set(judged["measures"])


def test_separate_masks_are_judged_for_each_class(cncb: Path, tmp_path: Path) -> None:
    settings = settings_of(
        "lesions_r18_t2_paper", cncb, *SHORT, f"output={tmp_path / 'run'}", "size=128", "crop=128",
        "lesion_classes=2",
    )  # fmt: skip
    lesions.train(settings)
    measures = lesions.judge(settings)["measures"]
    for name in ("ground-glass opacity", "consolidation"):
        assert f"AP@0.5, per image, scores ≥ 0.75, {name}" in measures
        assert f"mAP[.5:.95], {name}" in measures


def test_judging_before_training_is_one_line(cncb: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"holds no best\.ckpt: train first"):
        lesions.judge(settings_of("lesions_r18_t1_paper", cncb, f"output={tmp_path}"))


def test_lesions_that_touch_at_a_corner_are_one() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5:15, 5:15] = 1
    mask[15:25, 15:25] = 1
    found = instances(mask, 1, 100)
    assert found["boxes"].tolist() == [[5, 5, 25, 25]]
