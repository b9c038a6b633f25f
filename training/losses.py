"""Losses of the segmentation networks."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def dice_cross_entropy(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    """Cross-entropy plus soft Dice of each foreground class and of their union, over the batch.

    logits: (n, classes, y, x). target: (n, y, x) class numbers, or (n, classes, y, x) soft labels
    that sum to one over the classes (several raters, pseudo-labels).
    """
    soft = target if target.ndim == 4 else one_hot(target, logits.shape[1])
    cross = F.cross_entropy(logits, soft)
    p = logits.softmax(dim=1)
    channels = [(p[:, c], soft[:, c]) for c in range(1, logits.shape[1])]
    channels.append((1 - p[:, 0], 1 - soft[:, 0]))
    dice = [1 - (2 * (a * b).sum() + smooth) / (a.sum() + b.sum() + smooth) for a, b in channels]
    return cross + torch.stack(dice).mean()


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy alone; shapes as in ``dice_cross_entropy``."""
    return F.cross_entropy(logits, target if target.ndim == 4 else target.long())


def one_hot(target: Tensor, classes: int) -> Tensor:
    """(n, y, x) class numbers as (n, classes, y, x) float."""
    return F.one_hot(target.long(), classes).movedim(-1, 1).float()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "dice_cross_entropy": dice_cross_entropy,
    "cross_entropy": cross_entropy,
}
