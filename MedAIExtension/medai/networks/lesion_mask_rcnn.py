"""The seven lesion Mask R-CNNs (S2: Ter-Sarkisov, lightweight model, Table 1)."""

from __future__ import annotations

from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from medai.networks.imagenet_input import take_imagenet_input
from medai.networks.region_heads import add_mask_branch, region_heads, region_proposals
from medai.networks.resnet_fpn import resnet_fpn

SCORE_THRESHOLD = 0.75
REGIONS_PER_IMAGE = 128


class LesionMaskRCNN(GeneralizedRCNN):
    """A Mask R-CNN with torchvision's interface: in training (images, targets) to losses, else
    images to a list of {"boxes", "labels", "scores", "masks"}.

    Images are (3, h, w), *already normalised* with the global mean and standard deviation (the
    model card's); the shorter side is resized to 512, the longer one to at most 1024.
    """


def lesion_mask_rcnn(
    backbone: str = "resnet18",
    truncation: int = 1,
    lesion_classes: int = 1,
    scores: str = "softmax",
    encoding: str = "paper",
) -> LesionMaskRCNN:
    """A lesion Mask R-CNN, randomly initialised, with the settings of S2.

    backbone: "resnet18", "resnet34" or "resnet50"; truncation: 0 (whole), 1 or 2 (last one or two
        blocks removed; ResNet-18 and ResNet-34 only).
    lesion_classes: 1 (lesion, label 1) or 2 (ground-glass opacity 1, consolidation 2).
    scores: "softmax", or "sigmoid" for region scores that are independent of each other.
    encoding: "paper", or "code" for checkpoints of the authors' published code: it takes grey/255
        (mean 0, standard deviation 1) and normalises by ImageNet's statistics itself.
    Raises InputError on other values.
    """
    extractor, pyramid = resnet_fpn(backbone, truncation)
    if encoding == "code":
        take_imagenet_input(extractor)
    heads = region_heads(
        pyramid,
        lesion_classes,
        scores=scores,
        score_threshold=SCORE_THRESHOLD,
        regions_per_image=REGIONS_PER_IMAGE,
        encoding=encoding,
    )
    add_mask_branch(heads, pyramid, lesion_classes, light=backbone != "resnet50")
    # Normalisation is the card's, applied before; torchvision's own would subtract ImageNet's.
    transform = GeneralizedRCNNTransform(
        min_size=512, max_size=1024, image_mean=[0.0] * 3, image_std=[1.0] * 3
    )
    return LesionMaskRCNN(extractor, region_proposals(pyramid, encoding), heads, transform)
