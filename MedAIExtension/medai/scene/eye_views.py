"""Both eyes side by side: the right eye's stack in the Red view, the left eye's in the Yellow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medai import host
from medai.errors import InputError
from medai.scene.cataract import EyeNodes
from medai.scene.color_maps import legend_of
from medai.scene.oct_scans import scan_ras
from medai.scene.presence import display_of, is_present
from medai.scene.volumes import world_matrix

_VIEWS = ("Red", "Yellow")


def show_eyes(scans_nodes: Sequence[Any]) -> tuple[Any, ...]:
    """Show one eye's scans, or two side by side as pictures lie; returns the slice nodes."""
    slicer = host.start()
    layout = slicer.vtkMRMLLayoutNode
    slicer.app.layoutManager().setLayout(
        layout.SlicerLayoutSideBySideView
        if len(scans_nodes) > 1
        else layout.SlicerLayoutOneUpRedSliceView
    )
    slice_nodes = []
    for name, node in zip(_VIEWS, scans_nodes, strict=False):
        logic = slicer.app.layoutManager().sliceWidget(name).sliceLogic()
        logic.GetSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
        # Another study's overlay must not stay over these scans.
        logic.GetSliceCompositeNode().SetForegroundVolumeID(None)
        logic.GetSliceCompositeNode().SetLabelVolumeID(None)
        _face(logic.GetSliceNode(), node)
        logic.FitSliceToAll()
        logic.GetSliceNode().JumpSliceByCentering(*scan_ras(node, 0))
        slice_nodes.append(logic.GetSliceNode())
    return tuple(slice_nodes)


def _face(slice_node: Any, node: Any) -> None:
    """Turn a view so that it shows a volume's slices as pictures: columns right, rows down."""
    axes = world_matrix(node)[:3, :3]
    axes = axes / np.linalg.norm(axes, axis=0)
    for row in range(3):
        for column, direction in enumerate((axes[row, 0], -axes[row, 1], axes[row, 2])):
            slice_node.GetSliceToRAS().SetElement(row, column, direction)
    slice_node.UpdateMatrices()


def draw_eyes(
    shown: Sequence[EyeNodes], *, overlay: bool, opacity: float, lens: bool, cataract: bool
) -> None:
    """Show or hide what was found, each eye's only in its own view.

    Nodes that the user has deleted are left out.
    """
    slicer = host.start()
    for name, eye in zip(_VIEWS, shown, strict=False):
        logic = slicer.app.layoutManager().sliceWidget(name).sliceLogic()
        composite = logic.GetSliceCompositeNode()
        there = overlay and is_present(eye.probability)
        composite.SetLabelVolumeID(eye.probability.GetID() if there else None)
        composite.SetLabelOpacity(opacity)
        view = logic.GetSliceNode().GetID()
        if is_present(eye.segmentation):
            display = display_of(eye.segmentation)
            display.SetViewNodeIDs([view])
            display.SetSegmentVisibility("lens", lens)
            display.SetSegmentVisibility("cataract", cataract)
        legend = legend_of(eye.probability) if is_present(eye.probability) else None
        if legend is not None:
            legend.SetViewNodeIDs([view])
            legend.SetVisibility(overlay)


def go_to_scan(scans_nodes: Sequence[Any], eye: int, scan: int) -> None:
    """Scroll the view of one of the eyes to a scan. Raises InputError when it isn't there."""
    if not is_present(scans_nodes[eye]):
        raise InputError("The scans are no longer in the scene.")
    logic = host.start().app.layoutManager().sliceWidget(_VIEWS[eye]).sliceLogic()
    logic.GetSliceNode().JumpSliceByCentering(*scan_ras(scans_nodes[eye], scan))
