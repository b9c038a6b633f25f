"""Probability maps over a volume: color table, transparency and legend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.resources import resources_folder
from medai.scene.presence import is_present
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import label_array
from medai.scene.steps import Steps, finish

_COLORS = "MedAI-Probability"
# Converted in one step.
_VOXELS_AT_ONCE = 4 * 2**20
_last_put: WeakValueDictionary[str, NDArray] = WeakValueDictionary()


def put_map(
    nodes: ResultNodes,
    role: str,
    name: str,
    values: NDArray,
    ijk_to_ras: NDArray[np.float64],
    *,
    to_fraction: Callable[[NDArray], NDArray] | None = None,
) -> Any:
    """As ``put_map_in_steps``, at once."""
    return finish(put_map_in_steps(nodes, role, name, values, ijk_to_ras, to_fraction=to_fraction))


def put_map_in_steps(
    nodes: ResultNodes,
    role: str,
    name: str,
    values: NDArray,
    ijk_to_ras: NDArray[np.float64],
    *,
    to_fraction: Callable[[NDArray], NDArray] | None = None,
) -> Steps[Any]:
    """A map of fractions 0..1 (z, y, x) as a label map node in whole percent, hot = high.

    to_fraction: turns one plane of ``values`` into fractions, where they are something else.

    A label map, because a drag in Slicer's window/level tool changes whatever scalar volume lies
    over the CT, never the label layer. In 8 bits a 512×512×600 map takes 150 MB. The node has a
    legend; ``show_map`` lays it over the volume.
    """
    is_new = nodes.find(role) is None
    node = nodes.node(role, "vtkMRMLLabelMapVolumeNode", name)
    if node.GetImageData() is None or _last_put.get(node.GetID()) is not values:
        image = yield from _percent_image(values, to_fraction)
        node.SetAndObserveImageData(image)
        node.SetIJKToRASMatrix(host.start().util.vtkMatrixFromArray(np.asarray(ijk_to_ras)))
        _last_put[node.GetID()] = values
    if is_new:
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID(_color_table().GetID())
        display.SetScalarRangeFlag(display.UseManualScalarRange)
        display.SetScalarRange(0, 100)
        legend = host.start().modules.colors.logic().AddDefaultColorLegendDisplayNode(node)
        legend.SetTitleText(name[:1].upper() + name[1:])
        legend.GetTitleTextProperty().SetFontSize(14)
        legend.GetLabelTextProperty().SetFontSize(12)
        legend.SetLabelFormat("%.0f")
        legend.SetNumberOfLabels(5)
        legend.SetUseColorNamesForLabels(False)
        legend.SetVisibility(False)
    return node


def show_map(map_node: Any | None, opacity: float = 0.6) -> None:
    """Lay one map over the volume in all slice views, with its legend; None takes it away.

    A map that the user has deleted is as none.
    """
    map_node = map_node if is_present(map_node) else None
    slicer = host.start()
    scene = slicer.mrmlScene
    shown = None if map_node is None else legend_of(map_node)
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLColorLegendDisplayNode")):
        legend = scene.GetNthNodeByClass(index, "vtkMRMLColorLegendDisplayNode")
        legend.SetVisibility(legend is shown)
    slicer.util.setSliceViewerLayers(label=map_node, labelOpacity=opacity)


def legend_of(map_node: Any) -> Any | None:
    """The legend's display node of a map."""
    return host.start().modules.colors.logic().GetColorLegendDisplayNode(map_node)


def _color_table() -> Any:
    # A singleton: one in the scene, also after scenes that brought their own were read.
    slicer = host.start()
    node = slicer.mrmlScene.GetSingletonNode(_COLORS, "vtkMRMLColorTableNode")
    if node is None:
        node = slicer.vtkMRMLColorTableNode()
        node.SetTypeToUser()
        node.SetName(_COLORS)
        node.SetSingletonTag(_COLORS)
        entries = _color_entries()
        node.SetNumberOfColors(len(entries))
        for index, (name, rgba) in enumerate(entries):
            node.SetColor(index, name, *(channel / 255 for channel in rgba))
        node = slicer.mrmlScene.AddNode(node)
    return node


def _color_entries() -> list[tuple[str, tuple[int, ...]]]:
    """Name and RGBA 0..255 of each color in the shipped table, in order."""
    path = resources_folder() / "ColorTables" / f"{_COLORS}.ctbl"
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return [(row[1], tuple(map(int, row[2:]))) for row in rows]


def _percent_image(values: NDArray, to_fraction: Callable[[NDArray], NDArray] | None) -> Steps[Any]:
    """A VTK image of ``values`` in percent, as 8-bit numbers."""
    import vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*values.shape[::-1])
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    percent = label_array(image)
    of_half = None
    if values.dtype == np.float16:
        # There are only so many: to look each voxel's percent up takes a tenth of the time.
        with np.errstate(invalid="ignore", over="ignore"):
            of_half = _percent(np.arange(2**16, dtype=np.uint16).view(np.float16), to_fraction)
    planes = max(1, _VOXELS_AT_ONCE // values[0].size)
    for start in range(0, len(values), planes):
        # Plane by plane, so that a large map never stands in memory as float as a whole.
        for index in range(start, min(start + planes, len(values))):
            plane = values[index]
            if of_half is None:
                percent[index] = _percent(plane, to_fraction)
            else:
                percent[index] = of_half[plane.view(np.uint16)]
        yield
    return image


def _percent(
    fraction: NDArray, to_fraction: Callable[[NDArray], NDArray] | None
) -> NDArray[np.uint8]:
    if to_fraction is not None:
        fraction = to_fraction(fraction)
    percent = np.rint(100 * np.clip(fraction.astype(np.float32), 0, 1))
    return np.nan_to_num(percent).astype(np.uint8)
