"""Why a classifier answered as it did: Grad-CAM, or the regions that a COVID-CT-Mask-Net ranked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Where the last maps with a place in the picture come out, by the network's own names.
_LAST_MAPS = ("layer4", "Mixed_7c", "features")


def grad_cam(network: nn.Module, images: Tensor, output: int) -> Tensor:
    """Where ``images`` (n, 3, h, w) speak for ``output``: (n, h, w) in 0..1, at input resolution.

    Selvaraju et al. 2017: the last maps, weighted by the mean gradient of the output's logit, their
    positive part, scaled so that the picture's maximum is 1 (all 0 where nothing speaks for it).
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
    maps = F.interpolate(maps, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    most = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(most > 0, maps / most.clamp_min(torch.finfo(maps.dtype).tiny), 0.0)


def score_map(boxes: Tensor, scores: Tensor, size: Sequence[int]) -> Tensor:
    """Of every pixel of a picture (rows, columns) the highest score of a region on it, 0..1.

    boxes: (k, 4) x0, y0, x1, y1 in pixels; scores: (k,).
    """
    rows = torch.arange(size[0], device=boxes.device)[None, :, None] + 0.5
    columns = torch.arange(size[1], device=boxes.device)[None, None, :] + 0.5
    result = torch.zeros(tuple(size), dtype=scores.dtype, device=boxes.device)
    for start in range(0, len(boxes), 32):
        x0, y0, x1, y1 = (part[:, None, None] for part in boxes[start : start + 32].unbind(1))
        inside = (columns >= x0) & (columns <= x1) & (rows >= y0) & (rows <= y1)
        painted = (inside * scores[start : start + 32, None, None]).amax(dim=0)
        result = torch.maximum(result, painted)
    return result.clamp(0.0, 1.0)


def _last_maps(network: nn.Module) -> nn.Module:
    for name in _LAST_MAPS:
        if hasattr(network, name):
            return getattr(network, name)
    raise ValueError(f"{type(network).__name__} has no last maps that Grad-CAM knows.")
