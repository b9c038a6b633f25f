"""Segmentation nodes that are in the scene already, each taken as one rater's outline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.agreement.ratings import ImageRatings
from medai.errors import GeometryError, RatingError
from medai.scene.annotation import is_on_grid, segment_mask
from medai.scene.volumes import volume_from_node


def ratings_of_nodes(
    nodes: Sequence[Any], volume_node: Any, region_node: Any = None
) -> tuple[ImageRatings, tuple[str, ...]]:
    """The nodes' outlines on the grid of ``volume_node``, and a note for each that was resampled.

    A node's segments together are what its rater marked. region_node: what counts, None for all.
    Raises RatingError for fewer than two nodes or two of one name, GeometryError for a node that
    lies elsewhere than the image.
    """
    if len(nodes) < 2:
        raise RatingError(f"{len(nodes)} segmentation is chosen: agreement needs at least two.")
    volume = volume_from_node(volume_node)
    names = [node.GetName() for node in nodes]
    for name in names:
        if names.count(name) > 1:
            raise RatingError(f"Two segmentations are called {name!r}: rename one of them.")
    masks, notes = [], []
    for node in nodes:
        mask, resampled = _marked(node, volume_node)
        masks.append(mask)
        if resampled:
            notes.append(f"{node.GetName()} was resampled (nearest) to {volume.name}.")
    region = None if region_node is None else _marked(region_node, volume_node)[0]
    ratings = ImageRatings(
        name=volume.name,
        masks=np.stack(masks),
        raters=tuple(names),
        roi=region,
        spacing_mm=volume.spacing_mm,
    )
    return ratings, tuple(notes)


def _marked(node: Any, volume_node: Any) -> tuple[NDArray[np.uint8], bool]:
    segmentation = node.GetSegmentation()
    together: NDArray[np.uint8] | None = None
    resampled = False
    for index in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(index)
        mask = segment_mask(node, segment_id, volume_node)
        elsewhere = not is_on_grid(node, segment_id, volume_node)
        resampled |= elsewhere
        if elsewhere and not mask.any():
            raise GeometryError(
                f"Segmentation {node.GetName()} lies outside {volume_node.GetName()}: "
                "choose the image that was outlined."
            )
        together = mask if together is None else np.maximum(together, mask)
    if together is None:
        shape = tuple(reversed(volume_node.GetImageData().GetDimensions()))
        together = np.zeros(shape, np.uint8)
    return together, resampled
