"""Lesions and lungs as the user's segments hold them now."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.inference.lesions.given_masks import LUNG_NAMES, GivenMasks
from medai.inference.lesions.result import LesionResult
from medai.measures.zones import LUNG_OF_ZONE
from medai.scene.annotation import segment_part
from medai.scene.presence import is_present
from medai.scene.segments import bounding_box, forget_labels, was_put
from medai.scene.steps import Steps

# Slices that are compared in one step.
_SLICES = 40


def drawn_lesions_in_steps(
    node: Any, volume_node: Any, own: LesionResult
) -> Steps[GivenMasks | None]:
    """What is drawn in the segmentation node of a result, on its volume's grid; None when that is
    what the network gave.

    Every segment is a class but the lungs and the lung zones; a segment that was split off or added
    is a class of its own name. Where a lesion was painted over lung that was then taken from the
    lung's segment, as the Segment Editor does unless overlap is allowed, it still is lung. Without
    any lung segment the lungs are the network's own.
    """
    segmentation = node.GetSegmentation()
    classes = list(own.classes)
    lesions, lungs = (np.zeros(own.volume.grid_shape, np.uint8) for _ in range(2))
    for index in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(index)
        name = segment_id
        if segment_id not in own.classes and segment_id not in LUNG_NAMES:
            name = segmentation.GetSegment(segment_id).GetName()
        if name.endswith(" zone"):
            continue
        box, drawn = segment_part(node, segment_id, volume_node)
        if name in LUNG_NAMES:
            lungs[box][drawn] = 1 + LUNG_NAMES.index(name)
        elif name in classes or drawn.any():
            classes += [] if name in classes else [name]
            lesions[box][drawn] = 1 + classes.index(name)
        yield
    if not lungs.any():
        lungs = own.lungs
    box = bounding_box(lesions)
    yield
    taken = (lesions[box] != 0) & (lungs[box] == 0)
    lungs[box][taken] = LUNG_OF_ZONE[own.zones[box][taken]]
    given = GivenMasks(lesions, tuple(classes), lungs)
    return None if (yield from _is_own(given, lungs, own)) else given


def _is_own(given: GivenMasks, lungs: NDArray[np.uint8], own: LesionResult) -> Steps[bool]:
    if given.classes != own.classes:
        return False
    for start in range(0, len(lungs), _SLICES):
        yield
        part = slice(start, start + _SLICES)
        if not np.array_equal(given.lesions[part], own.lesions[part]):
            return False
        if not np.array_equal(lungs[part], LUNG_OF_ZONE[own.zones[part]]):
            return False
    return True


def shows_result(node: Any, own: LesionResult) -> bool:
    """Whether a segmentation node was filled with this result, and not with another run's since."""
    return was_put(node, own.classes, own.lesions)


def forget_corrections(node: Any, own: LesionResult) -> None:
    """Let the next showing of a result fill its segments anew; segments that are added go."""
    if not is_present(node):
        return
    forget_labels(node)
    segmentation = node.GetSegmentation()
    names = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]
    for name in names:
        if name not in (*own.classes, *LUNG_NAMES) and not name.endswith(" zone"):
            segmentation.RemoveSegment(name)
