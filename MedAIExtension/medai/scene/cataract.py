"""Cataract maps in the scene: a stack an eye that scrolls, overlay, segments, tables, plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medai import host
from medai.errors import InputError
from medai.inference.cataract.result import CataractResult, EyeMap
from medai.inference.cataract.tables import SCANS_OF_EYE
from medai.palette import CLASS_COLORS, VERMILLION
from medai.scene.color_maps import put_map
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, put_labels
from medai.scene.tables import put_chart, put_declared, put_table
from medai.scene.volumes import check_grid

_LENS = {1: SegmentLook("lens", CLASS_COLORS["lens"], fill=0)}
_CATARACT = {1: SegmentLook("cataract", CLASS_COLORS["cataract"], fill=0, visible=False)}


@dataclass(frozen=True)
class EyeNodes:
    """The nodes that show one eye's map; folder: the subject-hierarchy item that holds the rest."""

    scans: Any
    segmentation: Any
    probability: Any
    scan_table: Any
    depth_table: Any
    depth_plot: Any
    folder: int


def show_cataract(result: CataractResult, node: Any) -> tuple[EyeNodes, ...]:
    """Show each eye's map beside the node of its scans; the overlay waits for ``show_map``.

    node: the volume node of the eye's scans, or a sequence of them in the order of the result's
    eyes. Raises InputError for another number of nodes, GeometryError where one no longer holds
    the scans that the result belongs to.
    """
    nodes = list(node) if isinstance(node, Sequence) else [node]
    if len(nodes) != len(result.eyes):
        raise InputError(
            f"{len(nodes)} volumes for a result of {len(result.eyes)} eyes, expected one each."
        )
    for eye, source in zip(result.eyes, nodes, strict=True):
        check_grid(eye.scans.volume, source)
    return tuple(_show_eye(eye, source) for eye, source in zip(result.eyes, nodes, strict=True))


def _show_eye(eye: EyeMap, source: Any) -> EyeNodes:
    nodes = ResultNodes(source, "cataract", f"{source.GetName()} cataract results")
    matrix = eye.scans.volume.ijk_to_ras
    is_new = nodes.find("segmentation") is None
    segmentation = nodes.node("segmentation", "vtkMRMLSegmentationNode", "cataract", beside=True)
    if is_new:
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(source)
        segmentation.GetDisplayNode().SetSliceIntersectionThickness(2)
    if is_new or eye.correction is None:
        # Corrected segments are the user's now: his brush, his undo.
        put_labels(segmentation, eye.lens, matrix, _LENS)
        put_labels(segmentation, eye.cataract, matrix, _CATARACT)
    role = "cataract probability"
    depth_table = _depth_table(eye, nodes)
    return EyeNodes(
        scans=source,
        segmentation=segmentation,
        probability=put_map(nodes, role, f"{role} (%)", eye.probability, matrix),
        scan_table=put_declared(nodes, "scan table", "scan table", SCANS_OF_EYE, eye),
        depth_table=depth_table,
        depth_plot=_depth_plot(nodes, depth_table),
        folder=nodes.folder,
    )


def _depth_table(eye: EyeMap, nodes: ResultNodes) -> Any:
    lens = np.sum([m.profile.lens_px for m in eye.measures], axis=0)
    opaque = np.sum([m.profile.cataract_px for m in eye.measures], axis=0)
    depth = (np.arange(len(lens)) + 0.5) / len(lens)
    return put_table(
        nodes,
        "depth table",
        "depth table",
        [
            ("depth in the lens", depth),
            ("cataract fraction", opaque / np.maximum(lens, 1)),
            ("lens (pixels)", lens.astype(np.int32)),
        ],
    )


def _depth_plot(nodes: ResultNodes, table: Any) -> Any:
    slicer = host.start()
    is_new = nodes.find("depth plot") is None
    chart = put_chart(
        nodes,
        "depth plot",
        "cataract fraction by depth",
        table,
        kind="scatter",
        x="depth in the lens",
        y="cataract fraction",
        color=VERMILLION,
    )
    series = nodes.find("depth plot series")
    if is_new and series is not None:
        series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleSolid)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0.0, 1.0)
        chart.SetXAxisRangeAuto(False)
        chart.SetXAxisRange(0.0, 1.0)
    return chart
