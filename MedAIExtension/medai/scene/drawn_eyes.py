"""Lens and cataract masks as the user's segments hold them now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medai.inference.cataract.given_masks import EyeMasks
from medai.inference.cataract.result import CataractResult
from medai.scene.annotation import segment_part
from medai.scene.segments import was_put
from medai.scene.steps import Steps

SEGMENTS = ("lens", "cataract")


def drawn_eyes_in_steps(
    nodes: Sequence[Any], scans_nodes: Sequence[Any]
) -> Steps[tuple[EyeMasks, ...]]:
    """The lens and the cataract that are drawn in each eye's segmentation node.

    scans_nodes: the volume nodes of the same eyes. A segment that was removed is empty; others than
    these two are passed over.
    """
    eyes = []
    for node, scans in zip(nodes, scans_nodes, strict=True):
        shape = tuple(reversed(scans.GetImageData().GetDimensions()))
        masks = []
        for name in SEGMENTS:
            mask = np.zeros(shape, bool)
            if node.GetSegmentation().GetSegment(name) is not None:
                box, drawn = segment_part(node, name, scans)
                mask[box] = drawn
            masks.append(mask)
            yield
        eyes.append((masks[0], masks[1]))
    return tuple(eyes)


def shows_eyes(nodes: Sequence[Any], own: CataractResult) -> bool:
    """Whether the segmentation nodes were filled with this result, and not with another since."""
    return all(
        was_put(node, (name,), mask)
        for node, eye in zip(nodes, own.eyes, strict=True)
        for name, mask in zip(SEGMENTS, (eye.lens, eye.cataract), strict=True)
    )
