"""Training a lesion Mask R-CNN: masks as instances, torchvision's losses, a dense auxiliary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image

from medai.inference.running.letterbox import Frame, normalise
from medai.networks.lesion_mask_rcnn import LesionMaskRCNN
from training.fit import RunSettings, Task
from training.normalization import Normalization
from training.segmentation import dice

Target = dict[str, Tensor]
# Pixels that touch at a corner belong to one lesion (the S2 authors' code).
_EIGHT_CONNECTED = np.ones((3, 3), int)


def instances(mask: NDArray[np.uint8], classes: int, least_px: int) -> Target:
    """Instances of a label map (y, x): each 8-connected component of at least ``least_px`` px.

    classes: 1 joins all labels into "lesion" first; 2 keeps labels 1 and 2 apart. Returns boxes
    (n, 4) as x0, y0, x1, y1, labels (n,) and masks (n, y, x) uint8; n may be 0 (S2: components
    under 100 pixels are background).
    """
    boxes, labels, masks = [], [], [np.zeros((0, *mask.shape), np.uint8)]
    for label in range(1, classes + 1):
        inside_class = mask > 0 if classes == 1 else mask == label
        components, _ = ndimage.label(inside_class, structure=_EIGHT_CONNECTED)
        for index, (rows, columns) in enumerate(ndimage.find_objects(components), start=1):
            inside = components[rows, columns] == index
            if np.count_nonzero(inside) < least_px:
                continue
            whole = np.zeros(mask.shape, np.uint8)
            whole[rows, columns] = inside
            masks.append(whole[None])
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
            labels.append(label)
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": torch.from_numpy(np.concatenate(masks)),
    }


def loosen_matching(network: LesionMaskRCNN, proposal_iou: float, region_iou: float) -> None:
    """Set from which overlap anchors and regions count as lesion in training (S2: 0.7 and 0.75).

    Few slices give few boxes that overlap that much, so the heads would learn from the outlines'
    own boxes alone, and no proposal would ever score.
    """
    anchors, regions = network.rpn.proposal_matcher, network.roi_heads.proposal_matcher
    anchors.high_threshold = proposal_iou
    anchors.low_threshold = min(anchors.low_threshold, proposal_iou / 2)
    regions.high_threshold = region_iou
    regions.low_threshold = min(regions.low_threshold, region_iou)


class WithInstances:
    """An augmentation of (image, mask), followed by ``instances`` on the augmented mask."""

    def __init__(self, augment: Callable, classes: int, least_px: int) -> None:
        self.augment, self.classes, self.least_px = augment, classes, least_px

    def __call__(self, item) -> tuple[Tensor, Target]:
        image, mask = self.augment(item)
        target = instances(mask.numpy(), self.classes, self.least_px)
        return image, target | {"lesion": (mask > 0).float()}


class DetectionTask(Task):
    """torchvision's Mask R-CNN losses, plus a dense lesion map on the pyramid in training.

    The dense head is thrown away afterwards; it teaches the backbone from every pixel where
    regions are still too bad to learn from. dense_weight 0 gives the paper's recipe. Validation
    is the mean Dice of the lesion masks of regions with at least score 0.5.
    """

    judged = "dice"

    def __init__(
        self,
        network: LesionMaskRCNN,
        settings: RunSettings,
        normal: Normalization,
        size: tuple[int, int],
        crop: int,
        dense_weight: float,
    ) -> None:
        super().__init__(network, settings)
        self.normal, self.size, self.crop, self.dense_weight = normal, size, crop, dense_weight
        self.dense = nn.Conv2d(network.backbone.out_channels, 1, 1) if dense_weight else None
        self._features: Tensor | None = None

    def trained_parameters(self) -> list[nn.Parameter]:
        extra = [] if self.dense is None else list(self.dense.parameters())
        return super().trained_parameters() + extra

    def training_step(self, batch, batch_index: int) -> Tensor:
        images = normalise(255 * torch.stack([image for image, _ in batch]), *self._normal)
        images = images.expand(-1, 3, -1, -1)
        targets = [target for _, target in batch]
        losses, features = self._losses(images, targets)
        if self.dense is not None:
            lesion = torch.stack([target["lesion"] for target in targets])[:, None]
            small = F.adaptive_avg_pool2d(lesion, features.shape[-2:])
            logits = self.dense(features).float()
            p = logits.sigmoid()
            overlap = 1 - (2 * (p * small).sum() + 1) / (p.sum() + small.sum() + 1)
            dense = F.binary_cross_entropy_with_logits(logits, small) + overlap
            losses["dense"] = self.dense_weight * dense
        self.log_dict({key: value.detach() for key, value in losses.items()}, batch_size=len(batch))
        loss = torch.stack([value.float() for value in losses.values()]).sum()
        self.log("loss", loss, batch_size=len(batch))
        return loss

    def _losses(self, images: Tensor, targets: list[Target]) -> tuple[dict[str, Tensor], Tensor]:
        caught: list[Tensor] = []
        resize = self.network.transform
        whole, resize.min_size = resize.min_size, (self.crop,)  # a crop keeps the slice's scale
        handle = self.network.backbone.register_forward_hook(
            lambda module, given, maps: caught.append(maps["0"])
        )
        try:
            wanted = [{k: t[k] for k in ("boxes", "labels", "masks")} for t in targets]
            losses = self.network(list(images), wanted)
        finally:
            handle.remove()
            resize.min_size = whole
        return losses, caught[0]

    @property
    def _normal(self) -> tuple[float, float]:
        return self.normal.mean, self.normal.std

    def validation_step(self, batch: list[tuple[NDArray, NDArray]], batch_index: int) -> None:
        for image, mask in batch:
            p = predict_lesion(self.best_network, image, self.normal, self.size, self.device)
            self.log("dice", dice(p >= 0.5, mask > 0), batch_size=1, on_epoch=True, sync_dist=True)


@torch.inference_mode()
def predict_lesion(
    network: nn.Module,
    image: NDArray[np.uint8],
    normal: Normalization,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
    score_threshold: float = 0.5,
) -> NDArray[np.float32]:
    """Lesion probability (y, x) of one picture: the largest mask value of its accepted regions."""
    found = detect(network, image, normal, size, device)
    keep = found["scores"] >= score_threshold
    if not keep.any():
        return np.zeros(image.shape, np.float32)
    masks = paste_masks_in_image(found["masks"][keep], found["boxes"][keep], image.shape)
    return masks.amax(dim=(0, 1)).cpu().numpy()


@torch.inference_mode()
def detect(
    network: nn.Module,
    image: NDArray[np.uint8],
    normal: Normalization,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
    least_score: float = 0.05,
) -> Target:
    """Regions of one picture (y, x): boxes in its pixels, labels, scores, masks (n, 1, 28, 28)."""
    network.eval()
    frame = Frame.fit(image.shape, size)
    grey = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None].to(device))
    images = normalise(grey, normal.mean, normal.std).expand(-1, 3, -1, -1)
    heads, before = network.roi_heads, network.roi_heads.score_thresh
    heads.score_thresh = least_score
    try:
        # Straight into the backbone: the frame is what the network sees, as in inference.
        features = network.backbone(images)
        shapes = [(images.shape[2], images.shape[3])]
        proposals, _ = network.rpn(ImageList(images, shapes), features)
        (regions,), _ = heads(features, proposals, shapes)
    finally:
        heads.score_thresh = before
    y, x = frame.scale
    boxes = regions["boxes"].float() / torch.tensor([x, y, x, y], device=regions["boxes"].device)
    return {
        "boxes": boxes,
        "labels": regions["labels"],
        "scores": regions["scores"].float(),
        "masks": regions["masks"].float(),
    }
