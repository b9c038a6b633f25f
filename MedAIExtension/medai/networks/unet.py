"""U-Net (Ronneberger et al. 2015) with batch norm, named as the common PyTorch implementation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DoubleConv(nn.Module):
    """Twice: 3×3 convolution, batch norm, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, mid_channels: int | None = None
    ) -> None:
        super().__init__()
        mid_channels = mid_channels or out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


class Down(nn.Module):
    """Halve the size, then two convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)


class Up(nn.Module):
    """Double the size, join the skip connection, then two convolutions."""

    def __init__(self, in_channels: int, out_channels: int, *, bilinear: bool) -> None:
        super().__init__()
        self.up: nn.Module
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        rows, columns = skip.shape[-2] - x.shape[-2], skip.shape[-1] - x.shape[-1]
        if rows or columns:
            x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        return self.conv(torch.cat([skip, x], dim=1))


class OutConv(nn.Module):
    """1×1 convolution to the classes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class UNet(nn.Module):
    """Images (n, in_channels, h, w), h and w at least 16, to class logits (n, classes, h, w)."""

    def __init__(self, in_channels: int, classes: int, width: int, *, bilinear: bool) -> None:
        super().__init__()
        self.in_channels, self.classes = in_channels, classes
        narrow = 2 if bilinear else 1
        self.inc = DoubleConv(in_channels, width)
        self.down1 = Down(width, 2 * width)
        self.down2 = Down(2 * width, 4 * width)
        self.down3 = Down(4 * width, 8 * width)
        self.down4 = Down(8 * width, 16 * width // narrow)
        self.up1 = Up(16 * width, 8 * width // narrow, bilinear=bilinear)
        self.up2 = Up(8 * width, 4 * width // narrow, bilinear=bilinear)
        self.up3 = Up(4 * width, 2 * width // narrow, bilinear=bilinear)
        self.up4 = Up(2 * width, width, bilinear=bilinear)
        self.outc = OutConv(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.down4(x4)
        x = self.up1(x, x4)
        x = self.up2(x, x3)
        x = self.up3(x, x2)
        x = self.up4(x, x1)
        return self.outc(x)


def unet(in_channels: int = 1, classes: int = 3, width: int = 64, bilinear: bool = False) -> UNet:
    """A U-Net of four levels, ``width``-2-4-8-16·``width`` maps, randomly initialised.

    Takes normalised images (n, in_channels, h, w), gives logits (n, classes, h, w). With the
    defaults 31.04 million parameters (the source paper of the cataract maps, S5); ``bilinear``
    replaces transposed convolutions by bilinear up-sampling. State-dict names are those of the
    common PyTorch U-Net (``inc.double_conv.0.weight`` …), so its checkpoints load.
    """
    return UNet(in_channels, classes, width, bilinear=bilinear)
