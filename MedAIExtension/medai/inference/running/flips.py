"""The eight ways a picture can lie: what a network is shown, and its answer turned back.

Test-time augmentation: a network's answers to several views of one picture are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor


def turned(maps: Tensor, view: int) -> Tensor:
    """Maps (…, rows, columns) in one of eight views: 0..3 quarter turns, 4..7 transposed first."""
    return torch.rot90(maps.mT if view >= 4 else maps, view % 4, (-2, -1))


def turned_back(maps: Tensor, view: int) -> Tensor:
    """The inverse of ``turned``."""
    straight = torch.rot90(maps, -(view % 4), (-2, -1))
    return straight.mT if view >= 4 else straight
