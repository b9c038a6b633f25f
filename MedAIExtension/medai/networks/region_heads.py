"""Region proposals and region heads with the settings of the lightweight Mask R-CNN paper (S2)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign, batched_nms

from medai.errors import InputError
from medai.networks.resnet_fpn import PYRAMID_MAPS, PyramidShape

ANCHOR_SIZES = (2, 4, 8, 16, 32)
ASPECT_RATIOS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
BOX_FEATURES = 128
NMS_THRESHOLD = 0.75
SCORES = ("softmax", "sigmoid")
# "paper": as the text of S2 says; "code": as its authors' published code and checkpoints do.
ENCODINGS = ("paper", "code")
# torchvision's own limit under which a box counts as empty.
_EMPTY_BOX = 1e-2


class LesionRoIHeads(RoIHeads):
    """torchvision's region heads; scores by softmax or sigmoid, selection batched over images.

    ``scores`` "sigmoid" makes the classes of a region independent of each other (S2, section 3,
    first variant); training always uses the cross-entropy of torchvision. A box with a side
    shorter than ``shortest_side`` pixels, or none, is empty.
    """

    scores: str = "softmax"
    shortest_side: float = _EMPTY_BOX

    def postprocess_detections(
        self,
        class_logits: Tensor,
        box_regression: Tensor,
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """torchvision's hook: boxes (n, 4), scores, labels (from 1) of each image, best first."""
        boxes, scores, labels, image, _ = self.select(
            class_logits, box_regression, proposals, image_shapes, self.score_thresh
        )
        chosen = [image == i for i in range(len(proposals))]
        return [boxes[i] for i in chosen], [scores[i] for i in chosen], [labels[i] for i in chosen]

    def select(
        self,
        class_logits: Tensor,
        box_regression: Tensor,
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        score_threshold: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Boxes (n, 4), scores, labels (from 1), image index, deltas of the whole batch's regions.

        Deltas (n, 4) are what the network gave for the box, relative to its proposal. Sorted by
        image, then score. Regions of at most ``score_threshold`` and empty boxes are removed,
        non-maximum suppression is per image and class, at most ``detections_per_img`` of an image
        stay.
        """
        classes = class_logits.shape[1] - 1
        device = class_logits.device
        scores = (
            torch.sigmoid(class_logits)
            if self.scores == "sigmoid"
            else F.softmax(class_logits, dim=-1)
        )[:, 1:].flatten()
        boxes = self.box_coder.decode(box_regression, proposals)[:, 1:].reshape(-1, 4)
        labels = torch.arange(1, classes + 1, device=device).repeat(len(class_logits))
        counts = torch.tensor([len(p) * classes for p in proposals], device=device)
        image = torch.repeat_interleave(torch.arange(len(proposals), device=device), counts)
        limits = torch.tensor([(w, h, w, h) for h, w in image_shapes], device=device)[image]
        boxes = torch.minimum(boxes.clamp(min=0), limits.to(boxes.dtype))

        shorter = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1)
        full = (shorter >= self.shortest_side) & (shorter > 0)
        kept = torch.where((scores > score_threshold) & full)[0]
        groups = image[kept] * classes + labels[kept] - 1
        kept = kept[batched_nms(boxes[kept], scores[kept], groups, self.nms_thresh)]
        limit = self.detections_per_img
        kept = torch.cat([kept[image[kept] == i][:limit] for i in range(len(proposals))])
        deltas = box_regression.view(-1, classes + 1, 4)[:, 1:].reshape(-1, 4)
        return boxes[kept], scores[kept], labels[kept], image[kept], deltas[kept]


def region_proposals(pyramid: PyramidShape, encoding: str) -> RegionProposalNetwork:
    """The region proposal network: batch 256, positive fraction 0.75, NMS 0.75.

    encoding "code" keeps proposals without area, as torchvision did when S2 was written.
    """
    anchors = AnchorGenerator(
        sizes=(ANCHOR_SIZES,) * len(pyramid.pooled),
        aspect_ratios=(ASPECT_RATIOS,) * len(pyramid.pooled),
    )
    proposals = RegionProposalNetwork(
        anchors,
        RPNHead(PYRAMID_MAPS, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.75,
        pre_nms_top_n={"training": 2000, "testing": 1000},
        post_nms_top_n={"training": 2000, "testing": 1000},
        nms_thresh=NMS_THRESHOLD,
    )
    if encoding == "code":
        proposals.min_size = 0.0
    return proposals


def region_heads(
    pyramid: PyramidShape,
    lesion_classes: int,
    *,
    scores: str,
    score_threshold: float,
    regions_per_image: int,
    encoding: str,
) -> LesionRoIHeads:
    """Box heads: RoIAlign 7×7, two layers of 128, NMS 0.75; training batch 256 at IoU 0.75 / 0.5.

    Raises InputError when ``lesion_classes`` is not 1 or 2, or ``scores`` or ``encoding`` is
    unknown.
    """
    if lesion_classes not in (1, 2):
        raise InputError(f"{lesion_classes!r} lesion classes, expected 1 or 2.")
    if scores not in SCORES:
        raise InputError(f"Scores by {scores!r}, expected one of {', '.join(SCORES)}.")
    if encoding not in ENCODINGS:
        raise InputError(f"Encoding {encoding!r}, expected one of {', '.join(ENCODINGS)}.")
    heads = LesionRoIHeads(
        MultiScaleRoIAlign(list(pyramid.pooled), output_size=7, sampling_ratio=2),
        TwoMLPHead(PYRAMID_MAPS * 7 * 7, BOX_FEATURES),
        FastRCNNPredictor(BOX_FEATURES, lesion_classes + 1),
        fg_iou_thresh=0.75,
        bg_iou_thresh=0.5,
        batch_size_per_image=256,
        positive_fraction=0.75,
        bbox_reg_weights=None,
        score_thresh=score_threshold,
        nms_thresh=NMS_THRESHOLD,
        detections_per_img=regions_per_image,
    )
    heads.scores = scores
    if encoding == "code":
        heads.shortest_side = 0.0
    return heads


def add_mask_branch(
    heads: LesionRoIHeads, pyramid: PyramidShape, lesion_classes: int, *, light: bool
) -> None:
    """Masks of 28×28 from RoIAlign 14×14.

    light: one convolution 256→128 and a transposed one 128→128; else torchvision's four of 256.
    """
    maps, layers = (128, (128,)) if light else (256, (256, 256, 256, 256))
    heads.mask_roi_pool = MultiScaleRoIAlign(list(pyramid.pooled), output_size=14, sampling_ratio=2)
    heads.mask_head = MaskRCNNHeads(PYRAMID_MAPS, layers, 1)
    heads.mask_predictor = MaskRCNNPredictor(maps, maps, lesion_classes + 1)
