"""Checkpoints that others trained give the same outputs through us."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models as torchvision_models

from medai.cli import run
from medai.errors import InputError, MedAIError, ModelShapeError, UnsafeWeightsError
from medai.inference.covid.mask_net import mask_net_logits
from medai.inference.running.letterbox import normalise
from medai.inference.running.regions import region_detector
from medai.models import Model, ModelStore
from medai.models.imported import ImportRequest, import_checkpoint
from medai.networks import ctnet10, transfer_classifier
from Testing.models.published_layouts import (
    AnchorGeneratorOfTheirs,
    AuthorsS,
    CommonUNet,
    authors_class_logits,
    authors_lesion_network,
    let_a_third_pass,
    old_names,
    with_s,
    wrapped,
)

CPU = torch.device("cpu")
LESIONS = ImportRequest("lesion_mask_rcnn", "theirs", "GPL-3.0")
COVID = replace(LESIONS, kind="covid_mask_net")
UNET = ImportRequest("unet", "theirs", "GPL-3.0")


def saved(folder: Path, content: object, **how: object) -> Path:
    torch.save(content, folder / "theirs.pth", **how)
    return folder / "theirs.pth"


def imported(folder: Path, content: object, request: ImportRequest, **how: object) -> Model:
    import_checkpoint(saved(folder, content, **how), request, folder / "models")
    return ModelStore((folder / "models",)).load("theirs")


def grey_picture(seed: int = 0, side: int = 512) -> torch.Tensor:
    """A lung-like picture (1, 1, side, side), grey 0..255."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 1, 12, 12))).float()
    return torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 255)


def fed(model: Model, grey: torch.Tensor) -> torch.Tensor:
    """What the card says that the network is fed."""
    given = model.card.input
    assert given is not None
    return normalise(grey, given.mean, given.std)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("backbone", "truncation"), [("resnet18", 1), ("resnet18", 2), ("resnet50", 0)]
)
def test_the_s2_authors_lesion_network_gives_the_same_regions(
    tmp_path: Path, backbone: str, truncation: int
) -> None:
    torch.manual_seed(truncation)
    theirs = authors_lesion_network(truncation, backbone_name=backbone)
    let_a_third_pass(theirs, (grey_picture() / 255).expand(-1, 3, -1, -1)[0])
    request = replace(LESIONS, backbone=backbone, truncation=truncation)
    model = imported(tmp_path, wrapped(old_names(theirs.state_dict())), request)
    assert model.card.network is not None
    assert model.card.network.arguments["encoding"] == "code"
    grey = grey_picture()
    (wanted,) = theirs([(grey / 255).expand(-1, 3, -1, -1)[0]])
    assert len(wanted["scores"]) > 5
    assert model.network is not None
    (found,) = model.network([fed(model, grey).expand(-1, 3, -1, -1)[0]])
    assert found["boxes"].shape == wanted["boxes"].shape
    torch.testing.assert_close(found["boxes"], wanted["boxes"], atol=1e-3, rtol=1e-5)
    for name in ("scores", "masks"):
        torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=0)
    # And by the batched way that users' studies take.
    detector = region_detector(model.network, CPU, torch.float32)
    fast = detector.detect(fed(model, grey), score_threshold=0.75, mask_floor=0.75)
    count = min(len(fast.scores), len(wanted["scores"]))
    torch.testing.assert_close(fast.scores[:count], wanted["scores"][:count], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_s2_authors_classifier_gives_the_same_logits(tmp_path: Path) -> None:
    torch.manual_seed(3)
    theirs, s = authors_lesion_network(1), AuthorsS().eval()
    model = imported(tmp_path, with_s(old_names(theirs.state_dict()), s), COVID)
    for seed in range(2):
        grey = grey_picture(seed)
        wanted = authors_class_logits(theirs, s, (grey / 255).expand(-1, 3, -1, -1)[0])
        assert model.network is not None
        three = fed(model, grey).expand(-1, 3, -1, -1)
        torch.testing.assert_close(model.network(three), wanted, atol=1e-5, rtol=0)
        fast = mask_net_logits(model.network, fed(model, grey), CPU)
        torch.testing.assert_close(fast, wanted, atol=1e-5, rtol=0)
    assert model.classes == ("control", "common pneumonia", "COVID-19")


@torch.inference_mode()
@pytest.mark.parametrize(
    ("channels", "bilinear", "bias"), [(1, False, False), (3, True, False), (3, False, True)]
)
def test_the_common_unet_gives_the_same_logits(
    tmp_path: Path, channels: int, bilinear: bool, bias: bool
) -> None:
    torch.manual_seed(5)
    theirs = CommonUNet(channels, 3, 8, bilinear=bilinear, bias=bias).eval()
    content = theirs.state_dict() | {"mask_values": [0, 1, 2]}
    model = imported(tmp_path, content, UNET)
    grey = grey_picture(side=64)
    wanted = theirs((grey / 255).expand(-1, channels, -1, -1))
    assert model.network is not None
    torch.testing.assert_close(model.network(fed(model, grey)), wanted, atol=1e-5, rtol=1e-5)
    assert model.classes == ("normal lens", "cataract")


@torch.inference_mode()
def test_a_classifier_normalised_by_imagenet_gives_the_same_logits(tmp_path: Path) -> None:
    torch.manual_seed(6)
    theirs = torchvision_models.resnet50()
    theirs.fc = torch.nn.Linear(2048, 1)
    theirs.eval()
    parallel = {f"module.{name}": value for name, value in theirs.state_dict().items()}
    request = ImportRequest("classifier", "theirs", "MIT", backbone="resnet50")
    model = imported(tmp_path, {"state_dict": parallel, "epoch": 3}, request)
    grey = grey_picture(side=96)
    mean, std = (
        torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    wanted = theirs(((grey / 255).expand(-1, 3, -1, -1) - mean) / std)
    assert model.network is not None
    found = model.network(fed(model, grey).expand(-1, 3, -1, -1))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_files_of_the_time_before_zip_archives_are_read(tmp_path: Path) -> None:
    request = ImportRequest("classifier", "theirs", "MIT", backbone="ctnet10")
    network = ctnet10()
    model = imported(tmp_path, network.state_dict(), request, _use_new_zipfile_serialization=False)
    assert model.network is not None
    found = model.network.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in network.state_dict().items())


def test_a_file_that_pickles_classes_is_refused_and_the_way_out_named(tmp_path: Path) -> None:
    weights = {"a": torch.ones(1)}
    file = saved(tmp_path, wrapped(weights, AnchorGeneratorOfTheirs()))
    with pytest.raises(UnsafeWeightsError) as caught:
        import_checkpoint(file, LESIONS, tmp_path / "models")
    words = str(caught.value)
    assert "published_layouts.AnchorGeneratorOfTheirs" in words
    assert "torch.save(f['model_weights'], 'weights.pt')" in words
    assert "\n" not in words
    assert not (tmp_path / "models").exists()


def imagenet(folder: Path) -> tuple[object, ImportRequest]:
    return torchvision_models.resnet18().state_dict(), LESIONS


def truncated_more(folder: Path) -> tuple[object, ImportRequest]:
    return old_names(authors_lesion_network(2).state_dict()), LESIONS


def without_s(folder: Path) -> tuple[object, ImportRequest]:
    return old_names(authors_lesion_network(1).state_dict()), COVID


def a_list(folder: Path) -> tuple[object, ImportRequest]:
    return [1, 2], LESIONS


def five_classes(folder: Path) -> tuple[object, ImportRequest]:
    return CommonUNet(1, 5, 4, bilinear=True, bias=False).state_dict(), UNET


def other_network(folder: Path) -> tuple[object, ImportRequest]:
    return ctnet10().state_dict(), UNET


def not_finite(folder: Path) -> tuple[object, ImportRequest]:
    state = CommonUNet(1, 3, 4, bilinear=True, bias=False).state_dict()
    state["outc.conv.bias"][0] = float("nan")
    return state, UNET


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (imagenet, ModelShapeError, "torchvision's ImageNet weights, which know no lesions"),
        (truncated_more, ModelShapeError, "have no backbone.body.layer3"),
        (without_s, ModelShapeError, "no COVID-CT-Mask-Net: it has no module S"),
        (a_list, UnsafeWeightsError, "holds no state dict, alone or as model_weights"),
        (five_classes, InputError, "tells 4 findings apart, but none were named"),
        (other_network, ModelShapeError, "is no common PyTorch U-Net"),
        (not_finite, ModelShapeError, "not finite"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(
    tmp_path: Path, make, error: type[MedAIError], words: str
) -> None:
    content, request = make(tmp_path)
    with pytest.raises(error, match=words) as caught:
        imported(tmp_path, content, request)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("models/*"))


def test_an_unknown_kind_or_encoding_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, transfer_classifier("resnet50").state_dict())
    with pytest.raises(InputError, match="'yolo', expected one of lesion_mask_rcnn"):
        import_checkpoint(file, replace(LESIONS, kind="yolo"), tmp_path)
    classifier = ImportRequest("classifier", "theirs", "MIT", backbone="resnet50", encoding="rgb")
    with pytest.raises(MedAIError, match="Encoding 'rgb', expected one of grey, imagenet"):
        import_checkpoint(file, classifier, tmp_path / "models")


def test_the_command_line_makes_a_model_folder_with_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = CommonUNet(3, 3, 4, bilinear=False, bias=False)
    file = saved(tmp_path, theirs.state_dict() | {"mask_values": [0, 1, 2]})
    arguments = ["--as", "unet", "--id", "lens-x", "--licence", "CC BY 4.0"]
    arguments += ["--source", 'a "mail"', "-o", str(tmp_path / "models"), "--json"]
    assert run(["models", "import", str(file), *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["fitness"] == "unknown"
    card = ModelStore((tmp_path / "models",)).load("lens-x").card
    assert card.licence.weights == "CC BY 4.0"
    assert card.fitness == "unknown"
    assert "theirs.pth" in card.training.data
