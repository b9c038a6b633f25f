"""A U-Net for chest radiographs that also scores six zones of the lungs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medai.networks.encoder_unet import EncoderUNet

# Background, clear lung, ground-glass opacity, consolidation.
CLASSES = 4
SCORES = 4  # 0 to 3
# The encoder's deepest maps that a zone is described by.
_LEVELS = 2


class RadiographNet(EncoderUNet):
    """Images (n, 1, h, w), h and w at least 32, to class logits (n, 4, h, w).

    ``zone_scores`` gives the probability of each score of each zone.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__(1, CLASSES, encoder)
        self.zone_head = ZoneHead(CLASSES - 1 + sum(self.encoder.channels[-_LEVELS:]))

    def zone_features(self, images: Tensor, logits: Tensor, zones: Tensor) -> Tensor:
        """What describes each zone, (n, 6, features): the share of each class in it, and the means
        of the encoder's deepest maps.

        logits: of ``images``. zones: (n, 6, h, w), 1 inside a zone, 0 outside.
        """
        maps = [logits.softmax(1)[:, 1:], *self.encoder(images)[-_LEVELS:]]
        return torch.cat([_means(part, zones.to(part.dtype)) for part in maps], dim=2)

    def zone_scores(self, images: Tensor, logits: Tensor, zones: Tensor) -> Tensor:
        """Probability of the scores 0 to 3 of each zone, (n, 6, 4); arguments as
        ``zone_features``."""
        return self.zone_head(self.zone_features(images, logits, zones).float())


class ZoneHead(nn.Module):
    """An ordinal model of the score: features (…, n) to probabilities (…, 4).

    P(score > k) is the logistic function of a weighted sum of the standardized features minus cut
    k (McCullagh 1980). spread: by how much wider than that of six independent zones the total
    score's distribution is, as measured on patients that no weight was fitted to.
    """

    mean: Tensor
    scale: Tensor
    spread: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("spread", torch.ones(()))
        self.weight = nn.Parameter(torch.zeros(features))
        self.cuts = nn.Parameter(torch.arange(SCORES - 1, dtype=torch.float32) - 1.0)

    def forward(self, features: Tensor) -> Tensor:
        standard = (features - self.mean) / self.scale
        above = torch.sigmoid((standard @ self.weight)[..., None] - self.cuts)
        edges = F.pad(F.pad(above, (1, 0), value=1.0), (0, 1), value=0.0)
        return (edges[..., :-1] - edges[..., 1:]).clamp(min=0)


def _means(maps: Tensor, zones: Tensor) -> Tensor:
    """Mean of maps (n, c, h', w') in each zone of (n, 6, h, w): (n, 6, c); 0 in an empty zone."""
    rows, columns = maps.shape[-2:]
    small = F.adaptive_avg_pool2d(zones, (rows, columns))
    total = torch.einsum("nzhw,nchw->nzc", small, maps)
    return total / small.sum(dim=(2, 3)).clamp(min=1e-6)[..., None]


def radiograph_net(encoder: str = "lite0") -> RadiographNet:
    """A chest radiograph network on EfficientNet-``encoder``, randomly initialized.

    Takes normalised images (n, 1, h, w), gives logits (n, 4, h, w) of background, clear lung,
    ground-glass opacity and consolidation. Raises InputError for another encoder.
    """
    return RadiographNet(encoder)
