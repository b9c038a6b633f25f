"""Judging: figures worked out by hand, intervals by patient, and the command line's JSON."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from medai.errors import ModelHashError, TrainingDataError
from medai.models import ModelStore
from medai.networks import ctnet10, lesion_mask_rcnn, unet
from Testing.model_folders import card_text, write_ensemble
from Testing.training.conftest import lung_phantom
from training import evaluate
from training.bootstrap import bootstrap
from training.export import export_model, halved, network_weights
from training.judging import find_lesions, judge_cross_validated, judge_lesions, overlap
from training.lesion_slices import LesionSlice
from training.normalization import Normalization
from training.segmentation import predict


def exported(
    folder: Path, trained: torch.nn.Module, model_id: str, task: str = "lesions", **card: object
) -> Path:
    rest = {"window": "lung", "size": 64, "mean": 0.5, "std": 0.3, "sha256": ""}
    return export_model(
        trained.state_dict(), card_text(model_id, task, "CT", **rest | card), folder
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained U-Net, Mask R-CNN and classifier, all small inputs."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    classes = '"ground-glass opacity", "consolidation"'
    arguments = "in_channels = 1, classes = 3, width = 4"
    trained = unet(classes=3, width=4)
    exported(folder, trained, "tiny-unet", network="unet", arguments=arguments, classes=classes)
    exported(
        folder,
        lesion_mask_rcnn(truncation=2),
        "tiny-regions",
        network="lesion_mask_rcnn",
        arguments='backbone = "resnet18", truncation = 2, lesion_classes = 1',
        classes='"lesion"',
    )
    picture = {"network": "ctnet10", "arguments": "", "classes": '"COVID-19"', "size": 128}
    exported(folder, ctnet10(), "tiny-ctnet10", "covid", **picture)
    return folder


def test_overlap_is_counted_by_hand() -> None:
    found = np.array([1, 1, 1, 0, 0, 0], bool)
    truth = np.array([1, 1, 0, 1, 1, 0], bool)
    assert overlap(found, truth) == {
        "Dice": 4 / 7,
        "IoU": 2 / 5,
        "sensitivity": 2 / 4,
        "precision": 2 / 3,
    }
    nothing = np.zeros(4, bool)
    assert set(overlap(nothing, nothing).values()) == {1.0}


def test_bootstrap_draws_whole_groups() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    groups = ["a", "a", "a", "b", "b", "b"]
    found = bootstrap(lambda chosen: {"mean": float(values[chosen].mean())}, groups, resamples=400)
    # Two groups: a resample is all 0, all 1 or half and half, so the interval is everything.
    assert found["mean"].value == 0.5
    assert (found["mean"].low, found["mean"].high) == (0.0, 1.0)
    assert (found["mean"].n, found["mean"].groups) == (6, 2)


def test_bootstrap_of_a_normal_mean_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    groups = [str(k) for k in range(400)]
    found = bootstrap(lambda chosen: {"mean": float(values[chosen].mean())}, groups)["mean"]
    error = values.std(ddof=1) / 20
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.05)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.05)


def test_undefined_resamples_do_not_count() -> None:
    found = bootstrap(lambda chosen: {"x": math.nan}, ["a", "b"], resamples=5)["x"]
    assert math.isnan(found.value)
    assert math.isnan(found.low)


def test_judged_maps_are_those_of_the_trainers_own_forward_pass(models: Path) -> None:
    model = ModelStore((models,)).load("tiny-unet")
    image, _ = lung_phantom(3)
    found = find_lesions(model, image, "cpu")
    assert model.network is not None
    p = predict(model.network, image, Normalization(0.5, 0.3), (64, 64))
    # Inference computes in bfloat16 where the processor can.
    assert np.abs(found.probability - (1 - p[0])).max() < 0.03


def test_a_network_that_is_always_right_has_perfect_figures(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import judging

    slices = [LesionSlice(f"s{k}", f"p{k}", *lung_phantom(k, 96)) for k in range(4)]
    model = ModelStore((models,)).load("tiny-unet")

    def truth(model: object, image: np.ndarray, device: str) -> judging.FoundLesions:
        (item,) = (item for item in slices if item.image is image)
        assert item.mask is not None
        marked = item.mask > 0
        halves = np.stack([item.mask == 1, item.mask == 2])
        return judging.FoundLesions(
            item.mask, marked.astype(np.float32), halves, np.array([0.9, 0.8], np.float32)
        )

    monkeypatch.setattr(judging, "find_lesions", truth)
    judged = judge_lesions(model, slices, resamples=10)
    values = {name: figure["value"] for name, figure in judged["measures"].items()}
    assert values == pytest.approx(
        {
            "Dice": 1, "IoU": 1, "sensitivity": 1, "precision": 1,
            "Dice, ground-glass opacity": 1, "Dice, consolidation": 1,
            "AP@0.5": 1, "AP@0.75": 1, "mAP[.5:.95]": 1,
            "AP@0.5, per image, scores ≥ 0.75": 1, "AP@0.75, per image, scores ≥ 0.75": 1,
            "mAP[.5:.95], per image, scores ≥ 0.75": 1,
        } | {
            f"{name}{ending}": 1
            for name in ("AP@0.5", "AP@0.75", "mAP[.5:.95]")
            for ending in (
                ", classes apart",
                ", per image, scores ≥ 0.75, classes apart",
                ", per image, scores ≥ 0.75, ground-glass opacity",
                ", per image, scores ≥ 0.75, consolidation",
            )
        } | {"mAP[.5:.95], ground-glass opacity": 1, "mAP[.5:.95], consolidation": 1}
    )  # fmt: skip


@pytest.mark.parametrize("model", ["tiny-unet", "tiny-regions"])
def test_evaluate_prints_json_for_one_fold_of_slices(
    models: Path,
    slice_folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: str,
) -> None:
    images, masks = map(str, slice_folders)
    monkeypatch.setattr(
        sys, "argv",
        ["evaluate", "lesions", "--model", model, "--models", str(models), "--images", images,
         "--masks", masks, "--rotate", "transpose", "--fold", "1", "--resamples", "5",
         "--device", "cpu"],
    )  # fmt: skip
    evaluate.main()
    printed = json.loads(capsys.readouterr().out)
    assert printed["model"] == model
    assert printed["n"] == 2
    assert {"Dice", "IoU", "AP@0.5", "mAP[.5:.95]"} <= set(printed["measures"])
    assert 0 <= printed["measures"]["Dice"]["value"] <= 1
    assert len(printed["pictures"]) == 2


def test_evaluate_judges_classifiers_on_class_folders(
    models: Path,
    class_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        sys, "argv",
        ["evaluate", "classifier", "--model", "tiny-ctnet10", "--models", str(models), "--data",
         str(class_folders / "val"), "--resamples", "20", "--device", "cpu"],
    )  # fmt: skip
    evaluate.main()
    printed = json.loads(capsys.readouterr().out)
    assert np.sum(printed["confusion matrix"]["counts"]) == 8
    assert {"accuracy", "sensitivity", "specificity", "F1", "AUC", "ECE"} == set(
        printed["measures"]
    )
    assert [p["truth"] for p in printed["pictures"]] == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["lesions", "--model", "none", "--images", "x", "--masks", "y"],
            3,
            "No model named 'none'",
        ),
        (["lesions", "--model", "tiny-ctnet10", "--images", "x", "--masks", "y"], 3, "for covid"),
        (
            ["lesions", "--model", "tiny-unet", "--images", "x", "--masks", "y"],
            2,
            "x is not a folder",
        ),
        (["classifier", "--model", "tiny-ctnet10", "--data", "x"], 2, "noncovid is missing"),
    ],
)
def test_evaluate_answers_bad_input_in_one_line(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate", *arguments, "--models", str(models)])
    with pytest.raises(SystemExit) as caught:
        evaluate.main()
    shown = capsys.readouterr()
    assert caught.value.code == code
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_exported_weights_are_half_precision_and_checked(models: Path, tmp_path: Path) -> None:
    copied = tmp_path / "tiny-unet"
    shutil.copytree(models / "tiny-unet", copied)
    weights = torch.load(copied / "weights.pt", weights_only=True)
    assert {value.dtype for value in weights.values()} == {torch.float16, torch.int64}
    ModelStore((tmp_path,)).verify("tiny-unet")
    with (copied / "weights.pt").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ModelHashError):
        ModelStore((tmp_path,)).verify("tiny-unet")


def test_kernels_are_rounded_to_the_bits_that_are_wanted() -> None:
    kernel = torch.tensor([[1.0, 1.0 + 2**-6, 1.0 + 2**-7 + 2**-9, -3.1415927, 0.0]])
    whole = halved({"kernel": kernel, "vector": kernel[0], "count": torch.tensor(3)}, 7)
    expected = [[1.0, 1.0 + 2**-6, 1.0 + 2**-6, -101 / 32, 0.0]]
    assert whole["kernel"].dtype == torch.float16 and whole["kernel"].tolist() == expected
    assert torch.equal(whole["vector"], kernel[0].half()) and whole["count"] == 3
    assert torch.equal(halved({"kernel": kernel})["kernel"], kernel.half())


def test_the_averaged_weights_of_a_checkpoint_are_exported(tmp_path: Path) -> None:
    state = {"network.a": torch.zeros(1), "averaged.module.a": torch.ones(1)}
    torch.save({"state_dict": state}, tmp_path / "best.ckpt")
    assert network_weights(tmp_path / "best.ckpt")["a"].item() == 1
    torch.save({"state_dict": {"other": torch.zeros(1)}}, tmp_path / "best.ckpt")
    with pytest.raises(TrainingDataError, match="holds no network"):
        network_weights(tmp_path / "best.ckpt")


def test_a_cross_validation_judges_each_slice_by_the_member_that_never_saw_it(
    tmp_path: Path,
) -> None:
    members = []
    for number in range(2):
        network = unet(classes=3, width=4)
        # One member calls everything lesion, the other nothing.
        torch.nn.init.zeros_(network.outc.conv.weight)
        network.outc.conv.bias.data = torch.tensor([0.0, 9.0, 0.0] if number else [9.0, 0.0, 0.0])
        card = {"arguments": "in_channels = 1, classes = 3, width = 4", "size": 32}
        classes = '"ground-glass opacity", "consolidation"'
        model_id = f"member-{number}"
        exported(tmp_path, network, model_id, network="unet", classes=classes, **card)
        members.append(model_id)
    write_ensemble(tmp_path / "both", *members)
    half = np.zeros((32, 32), np.uint8)
    half[:16] = 1
    slices = [LesionSlice(str(n), str(n), np.full((32, 32), 99, np.uint8), half) for n in range(4)]
    model = ModelStore((tmp_path,)).load("both", task="lesions")
    judged = judge_cross_validated(model, slices, [0, 1, 0, 1], resamples=10)
    # Nothing found has Dice 0; everything found has 2·512/(512 + 1024) = 2/3.
    assert [fold["Dice"] for fold in judged["folds"]] == pytest.approx([0, 2 / 3])
    assert judged["Dice over folds"]["mean"] == pytest.approx(1 / 3)
    assert judged["Dice over folds"]["SD"] == pytest.approx(math.sqrt(2) / 3)
    assert judged["measures"]["Dice"]["value"] == pytest.approx(1 / 3)
