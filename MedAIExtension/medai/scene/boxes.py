"""Boxes in slices, with what each is called: one model and one markups node for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.palette import Rgb
from medai.scene.result_nodes import ResultNodes

_MOST_LABELS = 200


def put_boxes(
    nodes: ResultNodes, role: str, name: str, corners_ras: NDArray[np.float64], color: Rgb
) -> Any:
    """A model node of flat boxes, each as thick as a slice, so that its slice shows its outline.

    corners_ras: (boxes, 8, 3) in mm; corners 0..3 go round one face, 4..7 round the other in the
    same order. One node for all: hundreds of ROI markups would make the views crawl.
    """
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

    is_new = nodes.find(role) is None
    node = nodes.node(role, "vtkMRMLModelNode", name)
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(corners_ras.reshape(-1, 3)), deep=True))
    sides = np.array([[i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4] for i in range(4)])
    quads = (sides[None] + 8 * np.arange(len(corners_ras))[:, None, None]).reshape(-1, 4)
    cells = vtk.vtkCellArray()
    cells.SetData(4, numpy_to_vtkIdTypeArray(np.ascontiguousarray(quads, np.int64).ravel(), True))
    mesh = vtk.vtkPolyData()
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    node.SetAndObserveMesh(mesh)
    if is_new:
        display = node.GetDisplayNode()
        display.SetColor(*color)
        display.SetVisibility2D(True)
        display.SetVisibility3D(False)
        display.SetSliceIntersectionThickness(2)
        display.SetVisibility(False)
    return node


def put_box_labels(
    nodes: ResultNodes,
    role: str,
    name: str,
    positions_ras: NDArray[np.float64],
    labels: Sequence[str],
    color: Rgb,
) -> Any:
    """A markups node with a text at each position (n, 3) in mm; the first 200 of them."""
    slicer = host.start()
    is_new = nodes.find(role) is None
    node = nodes.node(role, "vtkMRMLMarkupsFiducialNode", name)
    modified = node.StartModify()
    positions = np.ascontiguousarray(positions_ras[:_MOST_LABELS], np.float64)
    node.SetLocked(True)
    slicer.util.updateMarkupsControlPointsFromArray(node, positions)
    for index, label in enumerate(labels[:_MOST_LABELS]):
        node.SetNthControlPointLabel(index, label)
    node.EndModify(modified)
    if is_new:
        display = node.GetDisplayNode()
        display.SetSelectedColor(*color)
        display.SetGlyphScale(0.5)
        display.SetTextScale(2.5)
        display.SetVisibility3D(False)
        display.SetVisibility(False)
    return node
