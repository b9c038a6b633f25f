"""Segments as surfaces in the 3D views."""

from __future__ import annotations

from typing import Any

import slicer

_SURFACE = "Closed surface"


def has_surfaces(segmentation_node: Any) -> bool:
    """Whether surfaces were made."""
    return bool(segmentation_node.GetSegmentation().ContainsRepresentation(_SURFACE))


def show_surfaces(segmentation_node: Any) -> None:
    """Make surfaces of all segments, if there are none (a few seconds for a large CT)."""
    if not has_surfaces(segmentation_node):
        segmentation_node.CreateClosedSurfaceRepresentation()
        slicer.app.layoutManager().resetThreeDViews()


def remove_surfaces(segmentation_node: Any) -> None:
    """Take the surfaces away, so that changing the segments costs no time for them."""
    segmentation_node.RemoveClosedSurfaceRepresentation()
