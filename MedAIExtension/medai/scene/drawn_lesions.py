"""Lesions and lungs as the user's segments hold them now."""

from __future__ import annotations

from typing import Any

from medai.inference.lesions.given_masks import LUNG_NAMES, GivenMasks, given_masks
from medai.inference.lesions.result import LesionResult
from medai.scene.annotation import segment_mask
from medai.scene.segments import forget_labels, was_put


def drawn_lesions(node: Any, volume_node: Any, own: LesionResult) -> GivenMasks:
    """What is drawn in the segmentation node of a result, on its volume's grid.

    Every segment is a class but the lungs and the lung zones; a segment that was split off or added
    is a class of its own name.
    """
    segmentation = node.GetSegmentation()
    masks = {}
    for index in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(index)
        name = segment_id
        if segment_id not in own.classes and segment_id not in LUNG_NAMES:
            name = segmentation.GetSegment(segment_id).GetName()
        if not name.endswith(" zone"):
            mask = segment_mask(node, segment_id, volume_node)
            if mask.any():
                masks[name] = mask
    return given_masks(masks, own.volume.grid_shape, classes=own.classes)


def shows_result(node: Any, own: LesionResult) -> bool:
    """Whether a segmentation node was filled with this result, and not with another run's since."""
    return was_put(node, own.classes, own.lesions)


def forget_corrections(node: Any, own: LesionResult) -> None:
    """Let the next showing of a result fill its segments anew; segments that are added go."""
    forget_labels(node)
    segmentation = node.GetSegmentation()
    names = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]
    for name in names:
        if name not in (*own.classes, *LUNG_NAMES) and not name.endswith(" zone"):
            segmentation.RemoveSegment(name)
