"""Networks built to the layouts that others published, with random weights and their key names."""

from __future__ import annotations

import re
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, batched_nms

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
OLD_NAMES = (
    (r"(inner|layer)_blocks\.(\d)\.0\.", r"\1_blocks.\2."),
    (r"rpn\.head\.conv\.0\.0\.", "rpn.head.conv."),
)


def old_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict by the names of torchvision at the time of the paper."""
    renamed = {}
    for name, value in state.items():
        for new, old in OLD_NAMES:
            name = re.sub(new, old, name)
        name = re.sub(
            r"mask_head\.(\d)\.0\.", lambda m: f"mask_head.mask_fcn{int(m[1]) + 1}.", name
        )
        renamed[name] = value
    return renamed


def authors_lesion_network(
    truncation: int = 1,
    lesion_classes: int = 1,
    score_threshold: float = 0.75,
    backbone_name: str = "resnet18",
) -> GeneralizedRCNN:
    """The Mask R-CNN of S2 as its code builds it: torchvision, ImageNet normalisation.

    "resnet50" has the four pyramid levels and the standard mask head of the paper's text.
    """
    backbone = nn.Module()
    whole = backbone_name == "resnet50"
    blocks = (1, 2, 3, 4) if whole else (4 - truncation,)
    first = 128 if whole else 32
    levels = [str(level) for level in range(len(blocks))]
    layers = {f"layer{block}": level for block, level in zip(blocks, levels, strict=True)}
    backbone.body = IntermediateLayerGetter(getattr(resnet, backbone_name)(), layers)
    backbone.fpn = FeaturePyramidNetwork([first * 2**block for block in blocks], 256)
    backbone.forward = lambda images: backbone.fpn(backbone.body(images))
    backbone.out_channels = 256
    anchors = AnchorGenerator(
        ((2, 4, 8, 16, 32),) * len(blocks), ((0.1, 0.25, 0.5, 1, 1.5, 2),) * len(blocks)
    )
    mask_layers, mask_maps = ((256,) * 4, 256) if whole else ((128,), 128)
    rpn = RegionProposalNetwork(
        anchors, RPNHead(256, 30), 0.7, 0.3, 256, 0.75,
        {"training": 2000, "testing": 1000}, {"training": 2000, "testing": 1000}, 0.75,
    )  # fmt: skip
    rpn.min_size = 0.0
    heads = RoIHeads(
        MultiScaleRoIAlign(levels, 7, 2), TwoMLPHead(256 * 49, 128),
        FastRCNNPredictor(128, lesion_classes + 1), 0.75, 0.5, 256, 0.75, None,
        score_threshold, 0.75, 128,
        MultiScaleRoIAlign(levels, 14, 2), MaskRCNNHeads(256, mask_layers, 1),
        MaskRCNNPredictor(mask_maps, mask_maps, lesion_classes + 1),
    )  # fmt: skip
    transform = GeneralizedRCNNTransform(512, 1024, MEAN, STD)
    network = GeneralizedRCNN(backbone, rpn, heads, transform).eval()
    for block in backbone.modules():
        if isinstance(block, resnet.Bottleneck):
            # Sixteen untrained blocks would add up to scores that are all 0 or 1.
            block.bn3.weight.data.mul_(0.2)
    # Scores well apart, so that rounding can't change their order.
    heads.box_predictor.cls_score.weight.data.mul_(60)
    return network


@torch.inference_mode()
def let_a_third_pass(network: GeneralizedRCNN, image: Tensor) -> None:
    """Shift the scores so that about a third of the regions of ``image`` exceed 0.75."""
    heads = network.roi_heads
    before, heads.score_thresh = heads.score_thresh, -1.0
    (found,) = network([image])
    heads.score_thresh = before
    shift = torch.tensor(0.75).logit() - found["scores"].logit().quantile(0.67)
    heads.box_predictor.cls_score.bias.data[1] += shift


class AuthorsS(nn.Module):
    """S of S2's code: scores first, then raw box deltas, of 128 ranked regions."""

    def __init__(self, features: int = 512) -> None:
        super().__init__()
        self.fc_scores = nn.Linear(5 * 128, features)
        self.fc_scores_2 = nn.Linear(features, features)
        self.fc_scores_img = nn.Linear(features, 3)

    def forward(self, ranked: Tensor) -> Tensor:
        x = F.relu(self.fc_scores(ranked.view(1, -1)))
        return self.fc_scores_img(F.relu(self.fc_scores_2(x)))


def authors_class_logits(network: GeneralizedRCNN, s: AuthorsS, image: Tensor) -> Tensor:
    """Class logits (1, 3) of one image (3, h, w) in 0..1, region by region as S2's code does."""
    images, _ = network.transform([image])
    features = network.backbone(images.tensors)
    proposals, _ = network.rpn(images, features)
    heads = network.roi_heads
    pooled = heads.box_roi_pool(features, proposals, images.image_sizes)
    logits, moves = heads.box_predictor(heads.box_head(pooled))
    boxes = heads.box_coder.decode(moves, proposals)[:, 1]
    height, width = images.image_sizes[0]
    boxes = torch.stack(
        [boxes[:, k].clamp(0, width if k % 2 == 0 else height) for k in range(4)], dim=1
    )
    scores, deltas = F.softmax(logits, -1)[:, 1], moves.view(len(moves), -1, 4)[:, 1]
    full = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) > 0
    boxes, scores, deltas = boxes[full], scores[full], deltas[full]
    kept = batched_nms(boxes, scores, torch.ones(len(boxes)), 0.75)[:128]
    assert len(kept) == 128
    return s(torch.cat([scores[kept, None], deltas[kept]], dim=1))


def with_s(lesions: dict[str, Tensor], s: AuthorsS) -> dict[str, Tensor]:
    """The state dict of the authors' classifier: no mask branch, S as ``s2new``."""
    shared = {k: v for k, v in lesions.items() if "mask" not in k}
    return shared | {f"s2new.{k}": v for k, v in s.state_dict().items()}


class CommonUNet(nn.Module):
    """The common PyTorch U-Net as it is published, with its options."""

    def __init__(self, channels: int, classes: int, width: int, *, bilinear: bool, bias: bool):
        super().__init__()
        w, narrow = width, 2 if bilinear else 1

        def double(a: int, b: int, mid: int | None = None) -> nn.Module:
            mid = mid or b
            part = nn.Module()
            part.double_conv = nn.Sequential(
                nn.Conv2d(a, mid, 3, padding=1, bias=bias), nn.BatchNorm2d(mid), nn.ReLU(),
                nn.Conv2d(mid, b, 3, padding=1, bias=bias), nn.BatchNorm2d(b), nn.ReLU(),
            )  # fmt: skip
            part.forward = part.double_conv.forward
            return part

        self.inc = double(channels, w)
        sizes = [(w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (8 * w, 16 * w // narrow)]
        for level, (a, b) in enumerate(sizes, start=1):
            down = nn.Module()
            down.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), double(a, b))
            setattr(self, f"down{level}", down)
        ups = [(16 * w, 8 * w // narrow), (8 * w, 4 * w // narrow), (4 * w, 2 * w // narrow)]
        for level, (a, b) in enumerate([*ups, (2 * w, w)], start=1):
            up = nn.Module()
            if bilinear:
                up.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
                up.conv = double(a, b, a // 2)
            else:
                up.up = nn.ConvTranspose2d(a, a // 2, 2, stride=2)
                up.conv = double(a, b)
            setattr(self, f"up{level}", up)
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(w, classes, 1)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.inc(x)]
        for level in range(1, 5):
            skips.append(getattr(self, f"down{level}").maxpool_conv(skips[-1]))
        x = skips.pop()
        for level in range(1, 5):
            up = getattr(self, f"up{level}")
            x = up.conv(torch.cat([skips.pop(), up.up(x)], dim=1))
        return self.outc.conv(x)


class AnchorGeneratorOfTheirs:
    """Stands for the class that the authors' checkpoints pickle beside the weights."""

    sizes = ((2, 4, 8, 16, 32),)


def wrapped(weights: dict[str, Tensor], anchors: object = None) -> OrderedDict[str, object]:
    """Weights as the authors' training programs save them."""
    return OrderedDict(
        epoch="100", model_name="x", model_weights=weights, lrate=1e-5, anchor_generator=anchors
    )
