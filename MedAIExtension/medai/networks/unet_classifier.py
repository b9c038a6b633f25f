"""A classifier on the first levels of a U-Net, so that a lesion network's features can be used."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medai.errors import InputError
from medai.networks.unet import DoubleConv, Down

MOST_LEVELS = 4


class UNetEncoder(nn.Module):
    """The way down of a U-Net: images (n, 1, h, w) to the maps of every level.

    The maps of level k are (n, width·2^k, h/2^k, w/2^k).
    """

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.inc = DoubleConv(1, width)
        for level in range(1, levels + 1):
            setattr(self, f"down{level}", Down(width * 2 ** (level - 1), width * 2**level))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for part in self.children():
            x = part(x)
            found.append(x)
        return found


class UNetClassifier(nn.Module):
    """Normalised grey pictures (n, 3, h, w), three equal channels, to logits (n, outputs).

    Mean and standard deviation of every map of every level go through one linear layer.
    """

    def __init__(self, width: int, levels: int, outputs: int) -> None:
        super().__init__()
        self.encoder = UNetEncoder(width, levels)
        # The last level's maps pass through here, so that an explanation can look at them.
        self.features = nn.Identity()
        self.classifier = nn.Linear(2 * width * (2 ** (levels + 1) - 1), outputs)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.statistics(images))

    def statistics(self, images: Tensor) -> Tensor:
        """Mean and standard deviation of every map, level by level, (n, 2·maps)."""
        *early, last = self.encoder(images[:, :1])
        maps = [*early, self.features(last)]
        parts = [(m.mean(dim=(2, 3)), m.std(dim=(2, 3), correction=0)) for m in maps]
        return torch.cat([numbers for pair in parts for numbers in pair], dim=1)

    def copy_segmentation_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Take the first levels of a U-Net of the same width with one input channel."""
        wanted = self.encoder.state_dict()
        self.encoder.load_state_dict({name: state_dict[name] for name in wanted})


def unet_classifier(width: int = 24, levels: int = 2, outputs: int = 1) -> UNetClassifier:
    """The first ``levels`` + 1 levels of a U-Net with a linear layer on them, randomly initialised.

    Any h and w of at least 16. With one output its sigmoid is p(COVID-19), never the complement.
    Raises InputError when ``levels`` is not 1 to 4.
    """
    if not 1 <= levels <= MOST_LEVELS:
        raise InputError(f"{levels} levels of a U-Net, expected 1 to {MOST_LEVELS}.")
    return UNetClassifier(width, levels, outputs)
