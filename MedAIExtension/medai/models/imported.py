"""A checkpoint that others trained, made a model folder of ours with a card that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medai.errors import InputError, ModelShapeError
from medai.models.card import CARD_FILE, ModelCard, read_card
from medai.models.foreign_weights import (
    lesion_weights,
    mask_net_weights,
    read_foreign,
    refuse_starting_weights,
    unet_weights,
)
from medai.models.weights import network_with_weights
from medai.output import atomic_folder

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_FILE = "weights.pt"
KINDS = ("lesion_mask_rcnn", "covid_mask_net", "unet", "classifier")
# Task and input of each kind: modality, window, pixels on a side.
_TASKS = {
    "lesion_mask_rcnn": ("lesions", "CT", "lung", 512),
    "covid_mask_net": ("covid", "CT", "lung", 512),
    "unet": ("cataract", "OPT", "none", 550),
    "classifier": ("covid", "CT", "lung", 224),
}
_CLASSES = {
    ("lesions", 1): ("lesion",),
    ("lesions", 2): ("ground-glass opacity", "consolidation"),
    ("cataract", 2): ("normal lens", "cataract"),
    ("covid", 1): ("COVID-19",),
    ("covid", 3): ("control", "common pneumonia", "COVID-19"),
}


@dataclass(frozen=True)
class ImportRequest:
    """What the file itself does not say.

    kind: one of KINDS. model_id: of the new model. licence: of the weights, as their authors state
    it. backbone, truncation: of the region networks; backbone also names a "classifier"
    (``networks.transfer_classifier`` or "ctnet10"). classes: what the outputs stand for, without
    background; by default those of the source papers. encoding: how the network is fed ("code" or
    "paper" for region networks, "imagenet" or "grey" for classifiers); by default as the published
    checkpoints are. size: pixels on a side of the input. mean, std: of grey/255, where the encoding
    does not fix them. source: where the file comes from, in words.
    """

    kind: str
    model_id: str
    licence: str
    backbone: str = "resnet18"
    truncation: int = 1
    classes: tuple[str, ...] = ()
    encoding: str | None = None
    size: int | None = None
    mean: float = 0.0
    std: float = 1.0
    source: str = "not stated"


@dataclass(frozen=True)
class _Read:
    """A network's function, its arguments, how many findings it tells, and its weights."""

    network: str
    arguments: dict[str, Any]
    findings: int
    weights: dict[str, Tensor] = field(repr=False)
    size: int | None = None


def import_checkpoint(file: Path, request: ImportRequest, folder: Path) -> tuple[ModelCard, Path]:
    """Write a model folder with the weights of ``file`` and a card of fitness "unknown".

    folder: holds model folders (the new one is named after its id), or is itself named so. Returns
    the card and the model folder. Raises InputError for a request that can't be met, a ModelError
    for a file that is not what it is said to be, OutputError when the folder exists; then nothing
    was written.
    """
    import torch

    if request.kind not in KINDS:
        raise InputError(f"A checkpoint as {request.kind!r}, expected one of {', '.join(KINDS)}.")
    tensors, digest = read_foreign(Path(file))
    refuse_starting_weights(tensors, Path(file))
    read = _read(tensors, request)
    target = folder if folder.name == request.model_id else folder / request.model_id
    with atomic_folder(target) as inside:
        torch.save(read.weights, inside / WEIGHTS_FILE)
        ours = hashlib.sha256((inside / WEIGHTS_FILE).read_bytes()).hexdigest()
        text = _card_text(request, read, ours, f"{Path(file).name}, SHA-256 {digest}")
        (inside / CARD_FILE).write_text(text, encoding="utf-8", newline="")
        card = read_card(inside / CARD_FILE)
        network_with_weights(card, read.weights)
    return card, target


def _read(tensors: dict[str, Tensor], request: ImportRequest) -> _Read:
    if request.kind == "unet":
        weights, arguments = unet_weights(tensors)
        return _Read("unet", arguments, arguments["classes"] - 1, weights)
    if request.kind == "classifier":
        return _read_classifier(tensors, request)
    renamed = lesion_weights(tensors)
    lesion = renamed.get("roi_heads.box_predictor.cls_score.weight")
    if lesion is None:
        raise ModelShapeError(
            "The checkpoint is no region network: it has no "
            "roi_heads.box_predictor.cls_score.weight."
        )
    lesions = int(lesion.shape[0]) - 1
    arguments = {
        "backbone": request.backbone,
        "truncation": request.truncation,
        "lesion_classes": lesions,
        "encoding": request.encoding or "code",
    }
    if request.kind == "lesion_mask_rcnn":
        return _Read("lesion_mask_rcnn", arguments, lesions, renamed)
    weights = mask_net_weights(tensors)
    last = weights.get("s.4.weight")
    if last is None:
        raise ModelShapeError(
            "The checkpoint is no COVID-CT-Mask-Net: it has no module S (s2new.fc_scores_img)."
        )
    arguments["classes"] = int(last.shape[0])
    return _Read("covid_mask_net", arguments, int(last.shape[0]), weights)


def _read_classifier(tensors: dict[str, Tensor], request: ImportRequest) -> _Read:
    from medai.networks.transfer_classifier import INPUT_SIZE

    if request.backbone == "ctnet10":
        return _Read("ctnet10", {}, 1, tensors, 128)
    if request.backbone not in INPUT_SIZE:
        known = ", ".join(("ctnet10", *INPUT_SIZE))
        raise InputError(f"A classifier {request.backbone!r}, expected one of {known}.")
    tensors = {k: v for k, v in tensors.items() if not k.startswith("AuxLogits.")}
    outputs = int(list(tensors.values())[-1].shape[0])
    arguments = {
        "name": request.backbone,
        "outputs": outputs,
        "encoding": request.encoding or "imagenet",
    }
    return _Read("transfer_classifier", arguments, outputs, tensors, INPUT_SIZE[request.backbone])


def _classes(request: ImportRequest, task: str, findings: int) -> Sequence[str]:
    classes = request.classes or _CLASSES.get((task, findings), ())
    if len(classes) != findings:
        named = ", ".join(request.classes) or "none"
        raise InputError(f"The network tells {findings} findings apart, but {named} were named.")
    return classes


def _card_text(request: ImportRequest, read: _Read, sha256: str, file: str) -> str:
    task, modality, window, default_size = _TASKS[request.kind]
    size = request.size or read.size or default_size
    fixed = read.arguments.get("encoding") in ("code", "imagenet")
    mean, std = (0.0, 1.0) if fixed else (request.mean, request.std)
    classes = ", ".join(_toml(name) for name in _classes(request, task, read.findings))
    arguments = ", ".join(f"{key} = {_toml(value)}" for key, value in read.arguments.items())
    unsaid = _toml("not stated")
    return f"""id = {_toml(request.model_id)}
name = {_toml(f"{request.model_id} (imported)")}
version = "1"
task = "{task}"
modality = "{modality}"
fitness = "unknown"
performance = []

[network]
name = "{read.network}"
arguments = {{ {arguments} }}
classes = [{classes}]

[input]
window = "{window}"
size = [{size}, {size}]
mean = {mean}
std = {std}

[weights]
file = "{WEIGHTS_FILE}"
sha256 = "{sha256}"

[licence]
code = {unsaid}
data = {unsaid}
weights = {_toml(request.licence)}
commercial_use = false

[training]
data = {_toml(f"unknown: imported from {file} (source: {request.source})")}
patients = 0
slices = 0
cost = {unsaid}

[maturity]
peer_review = {unsaid}
dataset_size = {unsaid}
complexity = {unsaid}
clinical_use = {unsaid}

[use]
intended = "Trying a published network; not judged here."
limits = "Not judged by this project: measure it on your own data before you rely on it."
never_seen = "anything that its authors don't name."
"""


def _toml(value: object) -> str:
    """A text, number or truth value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else " " for c in escaped) + '"'
