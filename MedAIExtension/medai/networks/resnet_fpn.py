"""ResNet with a feature pyramid, whole or truncated: the region networks' feature extractor."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FeaturePyramidNetwork

from medai.errors import InputError

BACKBONES = ("resnet18", "resnet34", "resnet50")
PYRAMID_MAPS = 256


@dataclass(frozen=True)
class PyramidShape:
    """Names of the pyramid's maps: anchors lie on each, and regions are pooled from them."""

    pooled: tuple[str, ...]


class BlocksWithFPN(nn.Module):
    """A ResNet up to the last of some blocks, and a feature pyramid with a level on each of them.

    ``body`` and ``fpn`` are torchvision's own parts; images (n, 3, h, w) to {"0": (n, 256, …), …},
    finest first.
    """

    def __init__(self, network: resnet.ResNet, blocks: tuple[int, ...]) -> None:
        super().__init__()
        channels = [network.inplanes // 2 ** (4 - block) for block in blocks]
        layers = {f"layer{block}": str(level) for level, block in enumerate(blocks)}
        self.body = IntermediateLayerGetter(network, return_layers=layers)
        self.fpn = FeaturePyramidNetwork(channels, PYRAMID_MAPS)
        self.out_channels = PYRAMID_MAPS

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(images))


def resnet_fpn(backbone: str, truncation: int) -> tuple[nn.Module, PyramidShape]:
    """The feature extractor and the shape of its pyramid (S2, Fig. 1a).

    backbone: "resnet18", "resnet34" (one pyramid level on the last kept block) or "resnet50"
        (four levels, never truncated).
    truncation: 0 the whole network, 1 the last block removed, 2 the last two removed.
    Raises InputError on other values.
    """
    if backbone not in BACKBONES:
        raise InputError(
            f"Backbone {backbone!r} is unknown, expected one of {', '.join(BACKBONES)}."
        )
    if truncation not in (0, 1, 2) or (backbone == "resnet50" and truncation):
        raise InputError(
            f"Truncation {truncation!r} of {backbone} does not exist, expected 0, 1 or 2 for "
            "ResNet-18 and ResNet-34, and 0 for ResNet-50."
        )
    network = getattr(resnet, backbone)(weights=None)
    blocks = (1, 2, 3, 4) if backbone == "resnet50" else (4 - truncation,)
    names = tuple(str(level) for level in range(len(blocks)))
    return BlocksWithFPN(network, blocks), PyramidShape(pooled=names)
