"""EfficientNet-Lite (Tan and Le 2019, in the version without squeeze-and-excitation for phones).

Modules are named as in the public PyTorch checkpoints, so that those load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from medai.errors import InputError


@dataclass(frozen=True)
class _Stage:
    """Blocks of one kind: the first has ``stride``, the others 1."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# Multipliers of the channels and of the blocks; stem and head keep their size.
_WIDTH_AND_DEPTH = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
_STEM_CHANNELS, _HEAD_CHANNELS = 32, 1280
_EPSILON = 1e-3
_MOMENTUM = 0.01


class SamePaddingConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow does: ⌈size / stride⌉ out, an odd pixel at the end."""

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (
            max((math.ceil(size / step) - 1) * step + kernel - size, 0)
            for size, step, kernel in zip(x.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        if rows % 2 == 0 and columns % 2 == 0:
            return F.conv2d(
                x, self.weight, self.bias, self.stride, (rows // 2, columns // 2), 1, self.groups
            )
        x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)


class InvertedResidual(nn.Module):
    """Expand by a 1×1 convolution, filter each map on its own, project; added to the input where
    both have one shape."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self._expands = expansion != 1
        if self._expands:
            self._expand_conv = SamePaddingConv2d(inputs, inner, 1, bias=False)
            self._bn0 = _batch_norm(inner)
        self._depthwise_conv = SamePaddingConv2d(
            inner, inner, kernel, stride, groups=inner, bias=False
        )
        self._bn1 = _batch_norm(inner)
        self._project_conv = SamePaddingConv2d(inner, outputs, 1, bias=False)
        self._bn2 = _batch_norm(outputs)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inner = x
        if self._expands:
            inner = F.relu6(self._bn0(self._expand_conv(inner)))
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return x + inner if self._adds else inner


class EfficientNetLiteEncoder(nn.Module):
    """Images (n, in_channels, h, w) to the maps of strides 2, 4, 8, 16 and 32.

    channels: of the five. The last stage of the classifier (320 maps at stride 32) is left out.
    """

    def __init__(self, name: str, in_channels: int) -> None:
        super().__init__()
        stages = _scaled_stages(name)[:-1]
        self._conv_stem = SamePaddingConv2d(in_channels, _STEM_CHANNELS, 3, 2, bias=False)
        self._bn0 = _batch_norm(_STEM_CHANNELS)
        self._blocks = _blocks(stages)
        # A level ends before the next block that halves the size.
        starts = [sum(stage.blocks for stage in stages[:i]) for i in range(len(stages) + 1)]
        halving = [starts[i] for i, stage in enumerate(stages) if stage.stride == 2]
        self._ends = frozenset([*(start - 1 for start in halving), starts[-1] - 1])
        ends = [i for i in range(len(stages)) if starts[i + 1] - 1 in self._ends]
        self.channels = tuple(stages[i].channels for i in ends)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        found = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._ends:
                found.append(x)
        return found


class EfficientNetLite(nn.Module):
    """Normalised images (n, 3, h, w) to logits (n, outputs)."""

    def __init__(self, name: str, outputs: int) -> None:
        super().__init__()
        stages = _scaled_stages(name)
        self._conv_stem = SamePaddingConv2d(3, _STEM_CHANNELS, 3, 2, bias=False)
        self._bn0 = _batch_norm(_STEM_CHANNELS)
        self._blocks = _blocks(stages)
        self._conv_head = SamePaddingConv2d(stages[-1].channels, _HEAD_CHANNELS, 1, bias=False)
        self._bn1 = _batch_norm(_HEAD_CHANNELS)
        # The last maps pass through here, so that an explanation can look at them.
        self.features = nn.Identity()
        self._dropout = nn.Dropout(0.2)
        self._fc = nn.Linear(_HEAD_CHANNELS, outputs)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            x = block(x)
        x = self.features(F.relu6(self._bn1(self._conv_head(x))))
        return self._fc(self._dropout(x.mean(dim=(2, 3))))


def efficientnet_lite(name: str = "lite0", outputs: int = 1) -> EfficientNetLite:
    """An EfficientNet-Lite classifier, randomly initialised; with one output its sigmoid is
    p(COVID-19), never the complement.

    name: "lite0", "lite1" or "lite2". Takes normalised images (n, 3, h, w), gives logits
    (n, outputs). State-dict names are those of the public PyTorch checkpoints. Raises InputError
    for another name.
    """
    return EfficientNetLite(name, outputs)


def _scaled_stages(name: str) -> list[_Stage]:
    if name not in _WIDTH_AND_DEPTH:
        raise InputError(f"EfficientNet {name!r}, expected one of {', '.join(_WIDTH_AND_DEPTH)}.")
    width, depth = _WIDTH_AND_DEPTH[name]
    scaled = []
    for index, stage in enumerate(_STAGES):
        # First and last stage keep their number of blocks in the Lite networks.
        fixed = index in (0, len(_STAGES) - 1)
        blocks = stage.blocks if fixed else math.ceil(depth * stage.blocks)
        channels = _rounded(width * stage.channels)
        scaled.append(_Stage(blocks, stage.kernel, stage.stride, stage.expansion, channels))
    return scaled


def _rounded(channels: float) -> int:
    """The nearest multiple of 8 that is not below nine tenths of ``channels``."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _blocks(stages: list[_Stage]) -> nn.ModuleList:
    blocks, inputs = nn.ModuleList(), _STEM_CHANNELS
    for stage in stages:
        for number in range(stage.blocks):
            stride = stage.stride if number == 0 else 1
            blocks.append(
                InvertedResidual(inputs, stage.channels, stage.kernel, stride, stage.expansion)
            )
            inputs = stage.channels
    return blocks


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON, momentum=_MOMENTUM)
