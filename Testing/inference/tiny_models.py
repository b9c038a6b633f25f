"""Model folders with random weights, for tests that need a whole model but no good one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import nn

_CARD = """
id = "{id}"
name = "Random weights"
version = "1.0"
task = "{task}"
modality = "CT"
recommended = true
[network]
name = "{network}"
arguments = {{ {arguments} }}
classes = [{classes}]
[input]
window = "lung"
size = [{size}, {size}]
mean = 0.5
std = 0.25
[weights]
file = "weights.pt"
sha256 = "{sha256}"
[licence]
code = "Apache-2.0"
data = "none"
weights = "Apache-2.0"
commercial_use = true
[training]
data = "nothing"
patients = 0
slices = 1
cost = "none"
[[performance]]
measured_on = "nothing"
measure = "AUC"
value = 0.5
low = 0.4
high = 0.6
n = 10
[maturity]
peer_review = "none"
dataset_size = "none"
complexity = "small"
clinical_use = "none"
[use]
intended = "tests"
limits = "random weights"
never_seen = "everything"
"""


def make_ctnet10(folder: Path, model_id: str) -> None:
    """A CTnet-10 for COVID-19 or not."""
    from medai.networks import ctnet10

    torch.manual_seed(0)
    _make(folder, model_id, "ctnet10", "", '"COVID-19"', 128, ctnet10())


def make_covid_mask_net(folder: Path, model_id: str) -> None:
    """A COVID-CT-Mask-Net of two classes."""
    from medai.networks import covid_mask_net

    torch.manual_seed(0)
    classes = '"no COVID-19", "COVID-19"'
    _make(
        folder, model_id, "covid_mask_net", "classes = 2", classes, 128, covid_mask_net(classes=2)
    )


def make_lesion_unet(folder: Path, model_id: str) -> None:
    """A U-Net for lesions."""
    from medai.networks import unet

    torch.manual_seed(0)
    arguments = "in_channels = 1, classes = 2, width = 4"
    module = unet(in_channels=1, classes=2, width=4)
    _make(folder, model_id, "unet", arguments, '"lesion"', 64, module, task="lesions")


def _make(
    folder: Path,
    model_id: str,
    network: str,
    arguments: str,
    classes: str,
    size: int,
    module: nn.Module,
    task: str = "covid",
) -> None:
    place = folder / model_id
    place.mkdir(parents=True)
    tensors = {
        name: value.half() if value.is_floating_point() else value
        for name, value in module.state_dict().items()
    }
    torch.save(tensors, place / "weights.pt")
    sha256 = hashlib.sha256((place / "weights.pt").read_bytes()).hexdigest()
    card = _CARD.format(
        id=model_id,
        task=task,
        network=network,
        arguments=arguments,
        classes=classes,
        size=size,
        sha256=sha256,
    )
    (place / "card.toml").write_text(card.strip() + "\n", encoding="utf-8")
