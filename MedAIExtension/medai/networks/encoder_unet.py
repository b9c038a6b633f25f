"""A U-Net whose way down is an EfficientNet-Lite, so that ImageNet's features can be its start."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medai.networks.efficientnet_lite import EfficientNetLiteEncoder

# Maps of the way up at strides 16, 8, 4 and 2.
_DECODER = (128, 96, 64, 32)


class UpBlock(nn.Module):
    """Resize to the skip connection, join it, then a 3×3 convolution with batch norm and ReLU."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels + skip_channels, out_channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=False)
        return F.relu(self.bn(self.conv(torch.cat([x, skip], dim=1))), inplace=True)


class EncoderUNet(nn.Module):
    """Images (n, in_channels, h, w), h and w at least 32, to class logits (n, classes, h, w).

    The logits are computed at half the size and resized.
    """

    # Parts that lose too much in half precision: their contours move.
    exact_parts = ("encoder",)

    def __init__(self, in_channels: int, classes: int, encoder: str) -> None:
        super().__init__()
        self.in_channels, self.classes = in_channels, classes
        self.encoder = EfficientNetLiteEncoder(encoder, in_channels)
        *skips, deepest = self.encoder.channels
        inputs = (deepest, *_DECODER[:-1])
        self.decoder = nn.ModuleList(
            UpBlock(below, skip, outputs)
            for below, skip, outputs in zip(inputs, reversed(skips), _DECODER, strict=True)
        )
        self.outc = nn.Conv2d(_DECODER[-1], classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        # The way up may compute in another precision than the encoder.
        dtype = self.outc.weight.dtype
        *skips, x = (maps.to(dtype) for maps in self.encoder(images))
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            x = block(x, skip)
        return F.interpolate(self.outc(x), images.shape[-2:], mode="bilinear", align_corners=False)


def encoder_unet(in_channels: int = 1, classes: int = 3, encoder: str = "lite0") -> EncoderUNet:
    """A U-Net on EfficientNet-Lite, randomly initialised.

    Takes normalised images (n, in_channels, h, w), gives logits (n, classes, h, w). encoder:
    "lite0", "lite1" or "lite2"; its state-dict names are those of the public checkpoints after
    "encoder.". Raises InputError for another encoder.
    """
    return EncoderUNet(in_channels, classes, encoder)
