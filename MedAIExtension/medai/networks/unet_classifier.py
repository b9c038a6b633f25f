"""A classifier on the encoder of a U-Net, so that a lesion network's features can be used."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medai.networks.unet import DoubleConv, Down


class UNetEncoder(nn.Module):
    """The way down of a U-Net: images (n, 1, h, w) to (n, 16·width, h/16, w/16)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inc = DoubleConv(1, width)
        self.down1 = Down(width, 2 * width)
        self.down2 = Down(2 * width, 4 * width)
        self.down3 = Down(4 * width, 8 * width)
        self.down4 = Down(8 * width, 16 * width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down4(self.down3(self.down2(self.down1(self.inc(x)))))


class UNetClassifier(nn.Module):
    """Normalised grey pictures (n, 3, h, w), three equal channels, to logits (n, outputs).

    The last maps are pooled by mean and by maximum; dropout 0.3 and one layer follow.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.features = UNetEncoder(width)
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 16 * width, outputs))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.features(images[:, :1])
        return self.classifier(torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1))

    def copy_segmentation_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Take the encoder of a U-Net of the same width, one input channel, not bilinear."""
        encoder = self.features.state_dict()
        self.features.load_state_dict({name: state_dict[name] for name in encoder})


def unet_classifier(width: int = 24, outputs: int = 1) -> UNetClassifier:
    """A U-Net's encoder with a classifier on it, randomly initialised.

    Any h and w of at least 16. With one output its sigmoid is p(COVID-19), never the complement.
    """
    return UNetClassifier(width, outputs)
