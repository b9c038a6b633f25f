"""A COVID-CT-Mask-Net through the batched region detector: same answer, several times faster."""

from __future__ import annotations

import torch
from torch import Tensor

from medai.inference.running.regions import region_detector
from medai.networks import CovidMaskNet


@torch.inference_mode()
def mask_net_logits(network: CovidMaskNet, images: Tensor, device: torch.device) -> Tensor:
    """Class logits (n, classes), float32, of normalised grey images (n, 1, h, w).

    The regions are found on ``device``, the classifier S runs where ``network`` is.
    """
    regions = mask_net_regions(network, images, device)
    vector = network.region_vector(regions, images.shape[2], images.shape[3])
    return network.s(vector.to(next(network.s.parameters()).device))


@torch.inference_mode()
def mask_net_regions(
    network: CovidMaskNet, images: Tensor, device: torch.device
) -> list[dict[str, Tensor]]:
    """Of each normalised grey image (n, 1, h, w) the ranked regions: "boxes", "deltas", "scores".

    On the CPU; boxes (k, 4) in pixels of the image, deltas (k, 4) relative to proposals. In float32
    throughout: S reads the regions by their rank, and rounded scores change it.
    """
    detector = region_detector(network, device, torch.float32)
    found = detector.detect(images, score_threshold=network.roi_heads.score_thresh)
    return [
        {
            name: values[found.image == i]
            for name, values in (
                ("boxes", found.boxes),
                ("deltas", found.deltas),
                ("scores", found.scores),
            )
        }
        for i in range(len(images))
    ]
