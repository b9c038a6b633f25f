"""Why a classifier answered as it did: Grad-CAM, or the regions that a COVID-CT-Mask-Net ranked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Where the last maps with a place in the picture come out, by the network's own names.
_LAST_MAPS = ("layer4", "Mixed_7c", "features")


def grad_cam(network: nn.Module, images: Tensor, output: int) -> Tensor:
    """Where ``images`` (n, 3, h, w) speak for ``output``: (n, h, w), 0 and more, input resolution.

    Selvaraju et al. 2017: the last maps, weighted by the mean gradient of the output's logit, their
    positive part. Not scaled picture by picture, so that one picture can be held against another.
    """
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], maps: Tensor) -> Tensor:
        kept.append(maps)
        # Later layers may work in place; the kept maps must stay what the gradient refers to.
        return maps.clone()

    handle = _last_maps(network).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(images.detach().requires_grad_())
            (gradient,) = torch.autograd.grad(logits[:, output].sum(), kept[0])
    finally:
        handle.remove()
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    maps = F.relu((weights * kept[0].detach()).sum(dim=1, keepdim=True))
    return F.interpolate(maps, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def score_map(boxes: Tensor, scores: Tensor, size: Sequence[int]) -> Tensor:
    """The regions of a picture (rows, columns) laid over each other by their scores, 0 and more.

    boxes: (k, 4) x0, y0, x1, y1 in pixels; scores: (k,). Each region adds score / √area to its
    pixels, so a small one says more about each of them than one of half a lung, and the maximum
    lies where good regions agree. (The highest score alone is the same all over a box.)
    """
    rows = torch.arange(size[0], device=boxes.device) + 0.5
    columns = torch.arange(size[1], device=boxes.device) + 0.5
    x0, y0, x1, y1 = boxes[:, :, None].unbind(1)
    down = ((rows >= y0) & (rows <= y1)).to(scores)
    across = ((columns >= x0) & (columns <= x1)).to(scores)
    area = ((x1 - x0) * (y1 - y0)).clamp_min(1.0)
    return (down * scores[:, None] / area.sqrt()).T @ across


def _last_maps(network: nn.Module) -> nn.Module:
    for name in _LAST_MAPS:
        if hasattr(network, name):
            return getattr(network, name)
    raise ValueError(f"{type(network).__name__} has no last maps that Grad-CAM knows.")
