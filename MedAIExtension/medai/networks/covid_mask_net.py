"""COVID-CT-Mask-Net: a lesion network's ranked regions, turned into the class of the image (S2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from medai.networks.imagenet_input import take_imagenet_input
from medai.networks.region_heads import region_heads, region_proposals
from medai.networks.resnet_fpn import resnet_fpn

CLASSES = ("control", "common pneumonia", "COVID-19")
# Below every score a region can have, so none is dropped for its score.
SCORE_THRESHOLD = -0.01
NUMBERS_PER_REGION = 5
_MASK_BRANCH = ("roi_heads.mask_head.", "roi_heads.mask_predictor.")


def replicate_in_rank_order(regions: Tensor, count: int) -> Tensor:
    """Exactly ``count`` rows from ranked ``regions`` (n, k): cut, or filled up with copies.

    Copies stand between the copied row and the next, so the ranking stays (S2, section 3, second
    variant). Where the paper draws the copied rows at random they are spread evenly over the
    ranks here: the same input gives the same answer. With no region at all: rows of zeros.
    """
    available = len(regions)
    if available == 0:
        return regions.new_zeros((count, regions.shape[1]))
    if available >= count:
        return regions[:count]
    return regions[torch.arange(count, device=regions.device) * available // count]


class CovidMaskNet(nn.Module):
    """Normalised images (n, 3, h, w) to class logits (n, 3): control, common pneumonia, COVID-19.

    Only ``s`` and the batch-norm weights train; batch-norm statistics stay as they were learned
    for the lesions, in training mode too.
    """

    def __init__(
        self,
        backbone: str,
        truncation: int,
        lesion_classes: int,
        scores: str,
        classes: int,
        encoding: str,
    ) -> None:
        super().__init__()
        self.encoding = encoding
        large = backbone == "resnet50"
        self.regions_per_image = 256 if large else 128
        features = 1024 if large else 512
        self.backbone, pyramid = resnet_fpn(backbone, truncation)
        if encoding == "code":
            take_imagenet_input(self.backbone)
        self.rpn = region_proposals(pyramid, encoding)
        self.roi_heads = region_heads(
            pyramid,
            lesion_classes,
            scores=scores,
            score_threshold=SCORE_THRESHOLD,
            regions_per_image=self.regions_per_image,
            encoding=encoding,
        )
        self.s = nn.Sequential(
            nn.Linear(NUMBERS_PER_REGION * self.regions_per_image, features),
            nn.ReLU(inplace=True),
            nn.Linear(features, features),
            nn.ReLU(inplace=True),
            nn.Linear(features, classes),
        )
        for name, parameter in self.named_parameters():
            parameter.requires_grad = name.startswith("s.")
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training mode touches the classifier only: the region part runs as in inference."""
        super().train(mode)
        for part in (self.backbone, self.rpn, self.roi_heads):
            part.eval()
        return self

    def ranked_regions(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Of each image {"boxes" (k, 4) in pixels, "labels", "scores", "deltas" (k, 4) of the boxes
        relative to their proposals}, highest score first."""
        shapes = [(images.shape[2], images.shape[3])] * len(images)
        features = self.backbone(images)
        proposals, _ = self.rpn(ImageList(images, shapes), features)
        heads = self.roi_heads
        logits, moves = heads.box_predictor(
            heads.box_head(heads.box_roi_pool(features, proposals, shapes))
        )
        *found, image, deltas = heads.select(logits, moves, proposals, shapes, heads.score_thresh)
        columns = dict(zip(("boxes", "scores", "labels"), found, strict=True)) | {"deltas": deltas}
        return [
            {name: values[image == number] for name, values in columns.items()}
            for number in range(len(images))
        ]

    def region_vector(self, regions: list[dict[str, Tensor]], height: int, width: int) -> Tensor:
        """What S receives, (n, 5·128): of each ranked region its box as fractions of the image
        (x0, y0, x1, y1) and its score; with the encoding "code" its score, then its deltas. Always
        full, also when nothing was detected."""
        rows = []
        for found in regions:
            score = found["scores"][:, None]
            if self.encoding == "code":
                table = torch.cat([score, found["deltas"]], dim=1)
            else:
                size = found["boxes"].new_tensor([width, height, width, height])
                table = torch.cat([found["boxes"] / size, score], dim=1)
            rows.append(replicate_in_rank_order(table, self.regions_per_image).flatten())
        return torch.stack(rows)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return self.s(self.region_vector(self.ranked_regions(images), height, width))

    def copy_segmentation_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Take every weight of a lesion Mask R-CNN of the same backbone, except its mask branch."""
        shared = {k: v for k, v in state_dict.items() if not k.startswith(_MASK_BRANCH)}
        own = {f"s.{name}": value for name, value in self.s.state_dict().items()}
        self.load_state_dict(shared | own)


def covid_mask_net(
    backbone: str = "resnet18",
    truncation: int = 1,
    lesion_classes: int = 1,
    scores: str = "softmax",
    classes: int = 3,
    encoding: str = "paper",
) -> CovidMaskNet:
    """A COVID-CT-Mask-Net, randomly initialised; the options of ``lesion_mask_rcnn``.

    classes: outputs of S: 3 as in S2, or 2.
    """
    return CovidMaskNet(backbone, truncation, lesion_classes, scores, classes, encoding)
