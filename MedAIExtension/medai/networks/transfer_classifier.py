"""Image classifiers with the heads of S4 (Shah et al.): COVID-19 or not, from one CT picture."""

from __future__ import annotations

from types import MappingProxyType

from torch import nn
from torchvision import models

from medai.errors import InputError
from medai.networks.imagenet_input import take_imagenet_input

# Pixels on a side that each network is fed, as in the paper.
INPUT_SIZE = MappingProxyType(
    {"vgg16": 150, "vgg19": 224, "resnet50": 224, "densenet169": 224, "inception_v3": 224}
)
ENCODINGS = ("grey", "imagenet")


def transfer_classifier(name: str, outputs: int = 1, encoding: str = "grey") -> nn.Module:
    """A torchvision network with the paper's head, randomly initialised.

    Takes normalised pictures (n, 3, size, size) with the sizes of ``INPUT_SIZE``; gives logits
    (n, outputs). With one output its sigmoid is p(COVID-19), never the complement.

    name: "vgg16", "vgg19" (two layers of 4096 with dropout 0.3), "resnet50", "densenet169" (one
        layer), "inception_v3" (layers of 1000 and 500).
    encoding: "grey", or "imagenet" for networks trained on pictures normalised by ImageNet's
        statistics: it takes grey/255 (mean 0, standard deviation 1) and normalises itself.
    Raises InputError on another name or encoding.
    """
    if encoding not in ENCODINGS:
        raise InputError(f"Encoding {encoding!r}, expected one of {', '.join(ENCODINGS)}.")
    network = _with_head(name, outputs)
    if encoding == "imagenet":
        take_imagenet_input(network)
    return network


def _with_head(name: str, outputs: int) -> nn.Module:
    if name not in INPUT_SIZE:
        raise InputError(f"Network {name!r} is unknown, expected one of {', '.join(INPUT_SIZE)}.")
    if name == "inception_v3":
        network = models.inception_v3(weights=None, aux_logits=False, init_weights=False)
        network.fc = nn.Sequential(
            nn.Linear(2048, 1000),
            nn.ReLU(inplace=True),
            nn.Linear(1000, 500),
            nn.ReLU(inplace=True),
            nn.Linear(500, outputs),
        )
        return network
    network = getattr(models, name)(weights=None)
    if name == "resnet50":
        network.fc = nn.Linear(network.fc.in_features, outputs)
    elif name == "densenet169":
        network.classifier = nn.Linear(network.classifier.in_features, outputs)
    else:
        network.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(4096, outputs),
        )
    return network
