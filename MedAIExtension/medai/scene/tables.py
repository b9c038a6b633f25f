"""Tables and plots of a result as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.palette import Rgb
from medai.scene.result_nodes import ResultNodes
from medai.tables import Column, Table

NodeColumn = tuple[str, Sequence[str] | NDArray]


def put_table(nodes: ResultNodes, role: str, name: str, columns: Sequence[NodeColumn]) -> Any:
    """A table node with the given columns; numbers stay numbers, units stand in the names."""
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk

    node = nodes.node(role, "vtkMRMLTableNode", name)
    table = vtk.vtkTable()
    for title, values in columns:
        if isinstance(values, np.ndarray):
            column = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        else:
            column = vtk.vtkStringArray()
            for value in values:
                column.InsertNextValue(value)
        column.SetName(title)
        table.AddColumn(column)
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    return node


def put_declared(nodes: ResultNodes, role: str, name: str, table: Table, result: Any) -> Any:
    """A declared table of ``result`` as a table node."""
    columns = table.at("node")
    rows = table.rows("node", result)
    return put_table(
        nodes,
        role,
        name,
        [
            (column.heading("node"), _values(column, [row[place] for row in rows]))
            for place, column in enumerate(columns)
        ],
    )


def _values(column: Column, values: list[Any]) -> Sequence[str] | NDArray:
    if not column.format:
        return values
    if column.format == "d" and None not in values:
        return np.array(values, np.int32)
    return np.array([np.nan if value is None else value for value in values], np.float64)


def put_chart(
    nodes: ResultNodes,
    role: str,
    name: str,
    table: Any,
    *,
    kind: str,
    x: str,
    y: str,
    color: Rgb,
    log_x: bool = False,
) -> Any:
    """A chart of one column of a table node against another.

    kind: "bar" (x holds the names of the bars) or "scatter".
    """
    slicer = host.start()
    is_new = nodes.find(role) is None
    series = nodes.node(f"{role} series", "vtkMRMLPlotSeriesNode", f"{name} series")
    series.SetAndObserveTableNodeID(table.GetID())
    if kind == "bar":
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeBar)
        series.SetLabelColumnName(x)
    else:
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        series.SetXColumnName(x)
        series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        series.SetMarkerSize(5)
    series.SetYColumnName(y)
    series.SetColor(*color)
    chart = nodes.node(role, "vtkMRMLPlotChartNode", name)
    if is_new:
        chart.SetTitle(name[:1].upper() + name[1:])
        chart.SetXAxisTitle("" if kind == "bar" else x)
        chart.SetYAxisTitle(y)
        chart.SetLegendVisibility(False)
        chart.SetXAxisLogScale(log_x)
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    return chart
