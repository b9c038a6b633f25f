"""Batched inference of the region networks: torchvision's regions, several times faster.

Only the thousand best anchors of an image are decoded, pooling is one gather for the whole batch,
the grey image is fed once instead of in three equal channels, and masks are made only for regions
whose score can matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms

from medai.inference.running.acceleration import fast_copy, remembered
from medai.inference.running.device import fast_dtype
from medai.inference.running.roi_align import FeatureTable
from medai.inference.running.transfers import Answers
from medai.networks import CovidMaskNet, LesionMaskRCNN
from medai.networks.imagenet_input import ImageNetConv2d

BOX_CELLS = 7
MASK_CELLS = 14
MASK_PIXELS = 28
# Pooled and passed through a head together: small enough to stay in the processor's cache.
_REGIONS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a batch, image by image, highest score first; on the CPU, float32.

    image: index in the batch (r,); boxes: (r, 4) as x0, y0, x1, y1 in pixels of the frame;
    scores: (r,) 0..1; labels: (r,) from 1; mask_logits: (m, 28, 28), of the regions whose
    indices are in ``masked`` (m,); deltas: (r, 4), of the boxes relative to their proposals.
    """

    image: Tensor
    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masked: Tensor
    mask_logits: Tensor
    deltas: Tensor


def region_detector(
    network: LesionMaskRCNN | CovidMaskNet, device: torch.device, dtype: torch.dtype | None = None
) -> RegionDetector:
    """The detector of this network on this device, made once and remembered."""
    dtype = fast_dtype(device) if dtype is None else dtype
    return remembered(
        network, ("regions", str(device), dtype), lambda: RegionDetector(network, device, dtype)
    )


class RegionDetector:
    """A lesion Mask R-CNN, or the region part of a COVID-CT-Mask-Net, made ready for a device."""

    def __init__(
        self, network: LesionMaskRCNN | CovidMaskNet, device: torch.device, dtype: torch.dtype
    ) -> None:
        # torchvision's modules are untyped: their attributes are Tensor or Module to a checker.
        fast: Any = fast_copy(network, device, dtype)
        # Scores near the threshold decide which regions are found at all, and rounded features move
        # them: from the last stage of the backbone to the proposals all is float32. Masks then keep
        # a Dice of 0.99 and more with plain float32 (0.967 with the last stage rounded too).
        exact: Any = fast_copy(network, device, torch.float32)
        body: Any = fast.backbone.body
        _feed_grey_once(body)
        self._last_stage = list(body)[-1]
        self._stages = {**body, self._last_stage: exact.backbone.body[self._last_stage]}
        self._levels: dict[str, str] = body.return_layers
        self._pyramid: Any = exact.backbone.fpn
        self._rpn: Any = exact.rpn
        self._heads: Any = fast.roi_heads
        self._heads.box_predictor = exact.roi_heads.box_predictor
        self._device, self._dtype = device, dtype
        self._anchors: dict[tuple[int, int], Tensor] = {}
        _take_cells_first(self._heads.box_head.fc6)

    @torch.inference_mode()
    def detect(
        self, images: Tensor, *, score_threshold: float, mask_floor: float | None = None
    ) -> Regions:
        """Regions of more than ``score_threshold`` in normalised grey images (n, 1, h, w).

        mask_floor: regions of at least this score get a mask; None: none does.
        """
        size = (images.shape[2], images.shape[3])
        images = images.to(self._device, self._dtype, memory_format=torch.channels_last)
        maps = self._pyramid(self._features(images))
        proposals, counts = self._propose(list(maps.values()), size)
        image = torch.arange(len(images), device=self._device).repeat_interleave(counts)
        pooled_maps = [maps[name] for name in self._heads.box_roi_pool.featmap_names]
        table = FeatureTable(pooled_maps, size, half=self._dtype != torch.float32)
        features = [
            self._heads.box_head(table.pool(*some, BOX_CELLS).to(self._dtype))
            for some in _portions(proposals, image)
        ]
        logits, moves = self._heads.box_predictor(torch.cat(features).float())
        boxes, scores, labels, image, deltas = self._heads.select(
            logits,
            moves,
            list(proposals.split(counts.tolist())),
            [size] * len(images),
            score_threshold,
        )
        floor = 2.0 if mask_floor is None else mask_floor
        masked = torch.where(scores >= floor)[0]
        mask_logits = self._masks(table, boxes[masked], labels[masked], image[masked])
        found = (image, boxes, scores, labels, masked, mask_logits, deltas)
        return Regions(*(torch.from_numpy(array) for array in Answers(found).arrays()))

    def _features(self, images: Tensor) -> dict[str, Tensor]:
        """What the backbone's stages give, by the names the pyramid knows, in float32."""
        found, maps = {}, images
        for name, stage in self._stages.items():
            maps = stage(maps.float() if name == self._last_stage else maps)
            if name in self._levels:
                found[self._levels[name]] = maps.float()
        return found

    def _propose(self, maps: list[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Proposals (p, 4), image by image, best first, and how many each image has."""
        objectness, deltas = self._rpn.head(maps)
        anchors = self._anchors_of(maps, size).split([o[0].numel() for o in objectness])
        boxes, scores, levels = [], [], []
        for level, (o, d, a) in enumerate(zip(objectness, deltas, anchors, strict=True)):
            values = o.permute(0, 2, 3, 1).flatten(1)
            limit = min(self._rpn.pre_nms_top_n(), values.shape[1])
            best, index = values.topk(limit, dim=1)
            moves = d.permute(0, 2, 3, 1).reshape(len(d), -1, 4)
            moves = moves.gather(1, index[..., None].expand(-1, -1, 4))
            decoded = self._rpn.box_coder.decode_single(moves.flatten(0, 1), a[index].flatten(0, 1))
            boxes.append(decoded.view(len(d), limit, 4))
            scores.append(best.sigmoid())
            levels.append(torch.full_like(index, level))
        return self._suppress(torch.cat(boxes, 1), torch.cat(scores, 1), torch.cat(levels, 1), size)

    def _suppress(
        self, boxes: Tensor, scores: Tensor, levels: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        images, candidates = scores.shape
        image = torch.arange(images, device=boxes.device).repeat_interleave(candidates)
        limits = boxes.new_tensor([size[1], size[0], size[1], size[0]])
        boxes = torch.minimum(boxes.flatten(0, 1).clamp(min=0), limits)
        scores = scores.flatten()
        kept = torch.where((boxes[:, 2:] - boxes[:, :2] >= self._rpn.min_size).all(dim=1))[0]
        groups = (image + images * levels.flatten())[kept]
        kept = kept[batched_nms(boxes[kept], scores[kept], groups, self._rpn.nms_thresh)]
        limit = self._rpn.post_nms_top_n()
        chosen = [kept[image[kept] == i][:limit] for i in range(images)]
        counts = torch.tensor([len(c) for c in chosen], device=boxes.device)
        return boxes[torch.cat(chosen)], counts

    def _anchors_of(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        if size not in self._anchors:
            one = ImageList(torch.empty(1, 1, *size, device=self._device), [size])
            self._anchors = {size: self._rpn.anchor_generator(one, [m[:1] for m in maps])[0]}
        return self._anchors[size]

    def _masks(self, table: FeatureTable, boxes: Tensor, labels: Tensor, image: Tensor) -> Tensor:
        if len(boxes) == 0:
            return boxes.new_zeros((0, MASK_PIXELS, MASK_PIXELS))
        parts = []
        for some in _portions(boxes, image):
            pooled = table.pool(*some, MASK_CELLS).to(self._dtype).permute(0, 3, 1, 2)
            parts.append(self._heads.mask_predictor(self._heads.mask_head(pooled)))
        logits = torch.cat(parts)
        return logits[torch.arange(len(labels), device=labels.device), labels].float()


def _portions(boxes: Tensor, image: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Boxes and image index a portion at a time, at least one even when there are none."""
    return zip(boxes.split(_REGIONS_AT_ONCE), image.split(_REGIONS_AT_ONCE), strict=True)


def _feed_grey_once(body: Any) -> None:
    """Three equal channels through a convolution are one channel through its summed kernels."""
    stem = body["conv1"]
    if isinstance(stem, ImageNetConv2d):  # makes three channels of the one that it is given
        return
    stem.weight = nn.Parameter(
        stem.weight.float().sum(dim=1, keepdim=True).to(stem.weight.dtype), requires_grad=False
    )
    stem.in_channels = 1


def _take_cells_first(layer: nn.Linear) -> None:
    """Reorder a layer's inputs from (channel, cell) to (cell, channel), as regions are pooled."""
    cells = BOX_CELLS * BOX_CELLS
    weight = layer.weight.view(layer.out_features, -1, cells).transpose(1, 2).flatten(1)
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
