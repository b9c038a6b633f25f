"""COVIDx-CT and COVID-CT as they are published: read right, trained by the recipes, judged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models as torchvision_models

from medai.errors import TrainingDataError
from medai.networks import lesion_mask_rcnn, transfer_classifier
from Testing.models.published_layouts import authors_lesion_network, old_names, wrapped
from Testing.training.published_sets import (
    CONFIGS,
    covid_ct_folder,
    covid_ct_keys,
    covidx_folder,
    covidx_keys,
    run_module,
)
from training import classifier, covid_mask_net
from training.classification import ClassificationTask
from training.config import read_config
from training.initial import from_torchvision, load_initial, read_initial
from training.judge_pictures import class_sensitivities
from training.normalization import Normalization
from training.pictures import ClassifiedPicture, FramedPictures, drawn, read_covidx

SHORT = ["epochs=1", "steps_per_epoch=2", "accelerator=cpu", "threads=1", "batch_size=2"]
MASK_NETS = sorted(CONFIGS.glob("covid_mask_net_*_paper.toml"))
SHAH = sorted(set(CONFIGS.glob("covid_*_paper*.toml")) - set(MASK_NETS))


def mask_net(folder: Path, config: str, *more: str) -> covid_mask_net.MaskNetSettings:
    file = CONFIGS / f"{config}.toml"
    return read_config(covid_mask_net.MaskNetSettings, file, [*covidx_keys(folder), *more])


@pytest.mark.parametrize("by_number", [False, True])
@pytest.mark.parametrize("file", MASK_NETS[:2], ids=lambda file: file.stem)
def test_covidx_is_understood_in_both_spellings(
    tmp_path: Path, file: Path, by_number: bool
) -> None:
    folder = covidx_folder(tmp_path / "covidx", by_number=by_number)
    said = classifier.check(mask_net(folder, file.stem))
    assert (said["images"], said["patients"]) == (18, 9)
    for part in ("train", "validation", "test"):
        assert said[part]["classes"] == {"Normal": 2, "CP": 2, "NCP": 2}


def test_validation_is_not_the_test_part() -> None:
    for file in MASK_NETS:
        settings = read_config(covid_mask_net.MaskNetSettings, file)
        lists = {settings.train_list, settings.validation_list, settings.test_list}
        assert len(lists) == 3, file.name
        assert settings.validation_list is not None
        assert "val" in settings.validation_list.name
        assert not settings.balance
        assert settings.sample == 3000


def test_the_authors_own_list_is_found_in_a_folder_named_by_words(tmp_path: Path) -> None:
    folder = covidx_folder(tmp_path / "covidx", by_number=False)
    listed = tmp_path / "train_split_classification.txt"
    listed.write_text("0_1728_1013_0000.png\n2_96_1013_0001.png\n", encoding="utf-8")
    found = read_covidx(folder / "images", listed=listed)
    assert [(p.name, p.label, p.patient) for p in found] == [
        ("Normal_1728_1013_0000.png", 0, "1728"),
        ("NCP_96_1013_0001.png", 2, "96"),
    ]


def test_names_of_later_versions_take_their_class_from_the_list(tmp_path: Path) -> None:
    for name in ("radiopaedia_40_86625_0-0050.png", "NCP_1_2_3.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    listed = tmp_path / "val.txt"
    listed.write_text("radiopaedia_40_86625_0-0050.png 2 8 194 623 566\n", encoding="utf-8")
    (found,) = read_covidx(tmp_path, listed=listed)
    assert (found.label, found.patient) == (2, "radiopaedia_40_86625_0")
    for text, words in (
        ("radiopaedia_40_86625_0-0050.png 3 0 0 1 1\n", r"class 3, expected 0 to 2"),
        ("radiopaedia_40_86625_0-0050.png\n", "or a list with its class number"),
        ("NCP_1_2_3.png 0 0 0 1 1\n", r"the list says class 0, its name 2 \(NCP\)"),
        ("NCP_9_2_3.png 2\nNCP_1_2_3.png 2\n", r"NCP_9_2_3\.png of the list .* \(1 of 2"),
        ("\n", "names no pictures"),
    ):
        listed.write_text(text, encoding="utf-8")
        with pytest.raises(TrainingDataError, match=words):
            read_covidx(tmp_path, listed=listed)


def test_a_class_number_that_no_class_has_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "7_1_2_3.png")
    with pytest.raises(TrainingDataError, match="class 7, expected 0 to 2"):
        read_covidx(tmp_path)


def test_the_sampler_draws_as_many_of_each_class_and_always_the_same() -> None:
    pictures = [ClassifiedPicture(str(k), str(k), Path(), k % 3) for k in range(90)]
    labels = [p.label for p in drawn(pictures, 0, 7, 1)]
    assert [labels.count(k) for k in range(3)] == [7, 7, 7]
    some = drawn(pictures, 20, 0, 1)
    assert len({p.name for p in some}) == 20
    assert some == drawn(pictures, 20, 0, 1) != drawn(pictures, 20, 0, 2)
    assert drawn(pictures, 500, 0, 1) == pictures
    with pytest.raises(TrainingDataError, match="exclude each other"):
        drawn(pictures, 1, 1, 0)


def test_pictures_are_read_when_they_are_looked_at_and_then_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(file)
    framed = FramedPictures([ClassifiedPicture("a", "a", file, 0)], (8, 8))
    assert int(framed[0][0].max()) == 9
    file.unlink()
    assert int(framed[0][0].max()) == 9
    with pytest.raises(IndexError):
        framed[1]


def test_the_mask_net_recipe_trains_two_steps_and_is_judged(tmp_path: Path) -> None:
    folder = covidx_folder(tmp_path / "covidx", by_number=True)
    torch.save(lesion_mask_rcnn("resnet18", 2).state_dict(), tmp_path / "lesions.pt")
    keys = [*SHORT, "size=64", f"initial={tmp_path / 'lesions.pt'}", f"output={tmp_path / 'run'}"]
    covid_mask_net.train(mask_net(folder, "covid_mask_net_r18_t2_paper", *keys))
    config = str(CONFIGS / "covid_mask_net_r18_t2_paper.toml")
    changes = [part for key in [*covidx_keys(folder), *keys] for part in ("--set", key)]
    done = run_module("covid_mask_net", "--config", config, *changes, "--judge")
    assert done.returncode == 0, done.stderr
    judged = json.loads(done.stdout)
    assert judged["n"] == 6
    assert np.array(judged["confusion matrix"]).sum(axis=1).tolist() == [2, 2, 2]
    assert {"accuracy", "sensitivity, NCP", "sensitivity, CP"} <= set(judged["measures"])
    assert judged["training_minutes"] > 0
    assert json.loads((tmp_path / "run" / "judged.json").read_text()) == judged


def test_sensitivities_of_three_classes_by_hand() -> None:
    truth, called = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 0, 2])
    found = class_sensitivities(truth, called, ["a", "b", "c"])
    assert found == pytest.approx(
        {"accuracy": 4 / 6, "sensitivity, a": 0.5, "sensitivity, b": 1, "sensitivity, c": 2 / 3}
    )


@pytest.mark.parametrize("file", SHAH, ids=lambda file: file.stem)
def test_every_shah_recipe_reads_covid_ct_and_its_network_takes_it(
    tmp_path: Path, file: Path
) -> None:
    folder = covid_ct_folder(tmp_path / "covid_ct", 5)
    settings = read_config(classifier.ClassifierSettings, file, covid_ct_keys(folder))
    with pytest.warns(UserWarning, match="random split"):
        said = classifier.check(settings)
    assert [said[part]["images"] for part in ("train", "validation", "test")] == [16, 2, 2]
    with torch.device("meta"):
        network = classifier.network_of(replace(settings, initial=None))
        task = ClassificationTask(
            network, settings, Normalization(0.5, 0.3), 2, l1=settings.l1, l2=settings.l2
        )
    trains = {name for name, p in network.named_parameters() if p.requires_grad}
    assert trains
    if file.stem == "covid_vgg16_paper_second":
        convolutions = {name.rsplit(".", 1)[0] for name in trains if "features" in name}
        assert convolutions == {"features.17", "features.24"}
    if file.stem == "covid_inception_v3_paper":
        assert [(tuple(k.shape), w) for k, w in task._l1] == [((1000, 2048), 0.01)]
        assert [(tuple(k.shape), w) for k, w in task._l2] == [((500, 1000), 0.01)]


def test_the_two_stages_of_a_recipe_go_on_from_each_other(tmp_path: Path) -> None:
    folder = covid_ct_folder(tmp_path / "covid_ct", 5)
    keys = [*covid_ct_keys(folder), *SHORT, "network=ctnet10", "size=128", "freeze=[]"]
    first = read_config(
        classifier.ClassifierSettings,
        CONFIGS / "covid_vgg16_paper.toml",
        [*keys, f"output={tmp_path / 'one'}"],
    )
    with pytest.warns(UserWarning, match="random split"):
        best = classifier.train(first)
    second = read_config(
        classifier.ClassifierSettings,
        CONFIGS / "covid_vgg16_paper_second.toml",
        [*keys, f"initial={best}", f"output={tmp_path / 'two'}"],
    )
    started = classifier.network_of(second).state_dict()
    assert all(torch.equal(value, started[name]) for name, value in read_initial(best).items())
    with pytest.warns(UserWarning, match="random split"):
        classifier.train(second)
        judged = classifier.judge(second)
    assert judged["n"] == 2
    assert np.array(judged["confusion matrix"]).sum() == 2


def test_penalties_are_added_to_the_loss_of_the_layers_they_name() -> None:
    settings = classifier.ClassifierSettings(output=Path("unused"))
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 1))
    normal = Normalization(0.0, 1.0)
    batch = (torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 1]))
    network[1].weight.data[:] = torch.tensor([[1.0, -2.0, 3.0]])
    losses = []
    for l1, l2 in (({}, {}), ({"1": 0.1}, {}), ({}, {"1": 0.1})):
        task = ClassificationTask(network, settings, normal, 2, l1=l1, l2=l2)
        task.log = lambda *_, **__: None
        losses.append(float(task.training_step(batch, 0)))
    assert losses[1] - losses[0] == pytest.approx(0.6, abs=1e-5)
    assert losses[2] - losses[0] == pytest.approx(1.4, abs=1e-5)
    with pytest.raises(TrainingDataError, match="layer '9', which the network has not"):
        ClassificationTask(network, settings, normal, 2, l1={"9": 1.0})


def test_imagenet_and_coco_weights_start_a_region_network(tmp_path: Path, capsys) -> None:
    torch.manual_seed(0)
    imagenet = torchvision_models.resnet18()
    torch.save(imagenet.state_dict(), tmp_path / "resnet18.pth")
    network = lesion_mask_rcnn("resnet18", 1)
    load_initial(network, tmp_path / "resnet18.pth")
    assert torch.equal(
        network.backbone.body.layer3[1].conv2.weight, imagenet.layer3[1].conv2.weight
    )
    said = capsys.readouterr().err
    assert "started anew: backbone.fpn" in said
    with torch.device("meta"):
        coco = torchvision_models.detection.maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None
        )
        large = lesion_mask_rcnn("resnet50", 0).state_dict()
    fitting = from_torchvision(coco.state_dict())
    assert fitting is not None
    taken = [k for k, v in fitting.items() if k in large and large[k].shape == v.shape]
    assert any(name.startswith("backbone.fpn.") for name in taken)
    assert any(name.startswith("roi_heads.mask_head.") for name in taken)
    assert sum(name.startswith("backbone.body.") for name in taken) > 200


def test_the_s2_authors_checkpoint_starts_a_region_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = authors_lesion_network(2).state_dict()
    torch.save(wrapped(old_names(theirs)), tmp_path / "theirs.pth")
    network = lesion_mask_rcnn("resnet18", 2, encoding="code")
    load_initial(network, tmp_path / "theirs.pth")
    own = network.state_dict()
    assert all(torch.equal(own[name], value) for name, value in theirs.items())


def test_weights_of_another_network_do_not_start_a_classifier(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.ones(3)}, tmp_path / "other.pt")
    settings = classifier.ClassifierSettings(
        output=tmp_path, network="ctnet10", initial=tmp_path / "other.pt"
    )
    with pytest.raises(TrainingDataError, match=r"other\.pt is another network's: 0 of 14 entries"):
        classifier.network_of(settings)
    resnet = transfer_classifier("resnet50").state_dict()
    assert from_torchvision({k: v for k, v in resnet.items() if k != "conv1.weight"}) is None
