"""A classifier that sees lungs alone: it finds them itself, and only what lies in them counts."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medai.networks.efficientnet_lite import EfficientNetLiteEncoder
from medai.networks.unet import unet

_MAPS = 128
_LUNG = 1
# A lung pixel has at least this probability.
_LEAST_LUNG = 0.5
# With less lung than this many cells of the last maps a picture tells nothing: logits of the bias.
_LEAST_CELLS = 1e-3


class LungClassifier(nn.Module):
    """Normalised grey pictures (n, 3, h, w), three equal channels, to logits (n, outputs).

    A small U-Net marks the lungs. Everything outside them is replaced by the mean grey before the
    encoder sees it, and the encoder's last maps (stride 16) are averaged inside the lungs alone.
    """

    def __init__(self, encoder: str, lung_width: int, outputs: int) -> None:
        super().__init__()
        self.lungs = unet(in_channels=1, classes=2, width=lung_width)
        self.encoder = EfficientNetLiteEncoder(encoder, 1)
        *_, before, last = self.encoder.channels
        self.conv = nn.Conv2d(before + last, _MAPS, 1, bias=False)
        self.bn = nn.BatchNorm2d(_MAPS)
        # The maps inside the lungs pass through here, so that an explanation can look at them.
        self.features = nn.Identity()
        self.classifier = nn.Linear(_MAPS, outputs)
        self.lungs.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training mode leaves the lungs' U-Net as it was learned."""
        super().train(mode)
        self.lungs.eval()
        return self

    def lung_mask(self, grey: Tensor) -> Tensor:
        """1 inside the lungs, 0 outside, (n, 1, h, w), of normalised pictures (n, 1, h, w)."""
        return (self.lungs(grey).softmax(dim=1)[:, _LUNG:] >= _LEAST_LUNG).to(grey.dtype)

    def forward(self, images: Tensor) -> Tensor:
        grey = images[:, :1]
        with torch.no_grad():
            inside = self.lung_mask(grey)
        # Normalised pictures have a mean of 0.
        *_, before, last = self.encoder(grey * inside)
        last = F.interpolate(last, before.shape[-2:], mode="bilinear", align_corners=False)
        maps = F.relu(self.bn(self.conv(torch.cat([before, last], dim=1))))
        share = F.adaptive_avg_pool2d(inside, (maps.shape[-2], maps.shape[-1]))
        maps = self.features(maps * share)
        mean = maps.sum(dim=(2, 3)) / share.sum(dim=(2, 3)).clamp_min(_LEAST_CELLS)
        return self.classifier(mean)


def lung_classifier(
    encoder: str = "lite0", lung_width: int = 8, outputs: int = 1
) -> LungClassifier:
    """A classifier of lungs on EfficientNet-Lite, randomly initialised; h and w at least 32.

    encoder: "lite0", "lite1" or "lite2"; its state-dict names after "encoder." are those of
    ``encoder_unet``, so that a lesion network can teach it. With one output its sigmoid is
    p(COVID-19), never the complement. Raises InputError for another encoder.
    """
    return LungClassifier(encoder, lung_width, outputs)
