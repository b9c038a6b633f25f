"""A lesion segmentation in the scene: segments, maps, boxes, tables and plots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from medai.images import to_axial
from medai.inference.lesions.result import LesionResult
from medai.inference.lesions.tables import LESIONS, REGIONS
from medai.measures.zones import ALL_ZONE_NAMES, LUNG_OF_ZONE, UNKNOWN_ZONES
from medai.palette import BLUE, CLASS_COLORS, SKY_BLUE, VERMILLION, YELLOW, class_color
from medai.scene.boxes import put_box_labels, put_boxes
from medai.scene.color_maps import put_map_in_steps
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, put_labels
from medai.scene.steps import Steps
from medai.scene.tables import NodeColumn, put_chart, put_declared, put_table
from medai.scene.volumes import check_grid

_LUNGS = {
    1: SegmentLook("right lung", CLASS_COLORS["right lung"], fill=0, outline=0.7, surface=0.2),
    2: SegmentLook("left lung", CLASS_COLORS["left lung"], fill=0, outline=0.7, surface=0.2),
    3: SegmentLook("lung", CLASS_COLORS["lung"], fill=0, outline=0.7, surface=0.2),
}
_ZONES = {
    zone: SegmentLook(
        f"{ALL_ZONE_NAMES[zone]} zone", SKY_BLUE if lung == 1 else BLUE, visible=False
    )
    for zone, lung in enumerate(LUNG_OF_ZONE)
    if lung
}
_KNOWN_SIDES = 2
_HISTOGRAM_BINS = 20
# What only a network that proposes regions gives.
_ROI_ROLES = (
    "score map",
    "RoI boxes",
    "RoI score labels",
    "RoI table",
    "RoI histogram table",
    "RoI histogram",
    "RoI histogram series",
    "RoI scatter",
    "RoI scatter series",
)


@dataclass(frozen=True)
class LesionNodes:
    """The nodes that show one LesionResult; None where the network gives nothing to show.

    folder: the subject-hierarchy item that holds all but the segmentation.
    """

    segmentation: Any
    probability: Any
    lesion_table: Any
    burden_table: Any
    zone_plot: Any
    folder: int
    score_map: Any | None = None
    boxes: Any | None = None
    box_scores: Any | None = None
    score_histogram: Any | None = None
    area_score_plot: Any | None = None


def lesions_in_steps(result: LesionResult, node: Any) -> Steps[LesionNodes]:
    """Show lesions, lungs, zones, probability, RoIs and numbers beside the CT ``node``.

    One segment for each lesion class, outlined with a light fill; lungs as lines; zones hidden.
    Maps, boxes and plots are made but shown only when asked for (``color_maps.show_map``, the
    boxes' visibility). Raises GeometryError when ``node`` no longer holds the result's volume.
    """
    check_grid(result.volume, node)
    nodes = ResultNodes(node, "lesions", f"{node.GetName()} lesion results")
    burden_table = put_declared(nodes, "burden table", "burden table", REGIONS, result)
    zone_plot = _zone_plot(nodes, burden_table)
    lesion_table = put_declared(nodes, "lesion table", "lesion table", LESIONS, result)
    # What is asked for comes first: lesions and lungs.
    segmentation = yield from _segmentation(result, nodes)
    probability = yield from put_map_in_steps(
        nodes,
        "probability",
        "lesion probability (%)",
        result.probability,
        result.volume.ijk_to_ras,
    )
    shown = LesionNodes(
        segmentation=segmentation,
        probability=probability,
        lesion_table=lesion_table,
        burden_table=burden_table,
        zone_plot=zone_plot,
        folder=nodes.folder,
    )
    if result.rois is None:
        for role in _ROI_ROLES:
            nodes.remove(role)
        return shown
    return replace(shown, **(yield from _roi_nodes(result, nodes)))


def _segmentation(result: LesionResult, nodes: ResultNodes) -> Steps[Any]:
    is_new = nodes.find("segmentation") is None
    node = nodes.node("segmentation", "vtkMRMLSegmentationNode", "lesions", beside=True)
    if is_new:
        node.SetReferenceImageGeometryParameterFromVolumeNode(nodes.source)
        node.GetDisplayNode().SetSliceIntersectionThickness(2)
    elif result.correction is not None:
        # The segments are the user's now: his brush, his undo.
        return node
    matrix = result.volume.ijk_to_ras
    lesions = {
        value: SegmentLook(name, class_color(name))
        for value, name in enumerate(result.classes, start=1)
    }
    # Other thresholds change neither zones nor lungs, which are made from them.
    lungs, zones = _looks(result)
    if put_labels(node, result.zones, matrix, zones):
        yield
        put_labels(node, result.zones, matrix, lungs, LUNG_OF_ZONE)
    yield
    # Last, so that a lesion's outline lies over the lung's where they meet.
    put_labels(node, result.lesions, matrix, lesions)
    if is_new:
        looks = (*lungs.values(), *lesions.values(), *zones.values())
        node.GetSegmentation().ReorderSegments([look.name for look in looks])
    yield
    return node


def _looks(result: LesionResult) -> tuple[dict[int, SegmentLook], dict[int, SegmentLook]]:
    """Of the lungs and of their zones; of a lung of unknown side only where there is one."""
    # Asked of the numbers: looking at every voxel would keep the window for a while.
    unknown = any(zone in result.burden.zone_lung_volume_ml for zone in UNKNOWN_ZONES)
    lungs = {lung: look for lung, look in _LUNGS.items() if unknown or lung <= _KNOWN_SIDES}
    return lungs, {zone: look for zone, look in _ZONES.items() if LUNG_OF_ZONE[zone] in lungs}


def _mask_score(logit: NDArray[np.float16]) -> NDArray[np.float32]:
    """A RoI's mask score 0..1; 0 where no RoI is, whose logit is exactly 0."""
    return np.where(logit == 0, 0, expit(logit.astype(np.float32)))


def _zone_plot(nodes: ResultNodes, burden_table: Any) -> Any:
    return put_chart(
        nodes,
        "zone plot",
        "opacity by zone",
        burden_table,
        kind="bar",
        x="region",
        y="opacity (%)",
        color=VERMILLION,
    )


def _roi_nodes(result: LesionResult, nodes: ResultNodes) -> Steps[dict[str, Any]]:
    """Boxes and scores of the RoIs above the threshold; plots of all of them."""
    assert result.rois is not None and result.options.score_threshold is not None
    shown = result.rois.score >= result.options.score_threshold
    corners = _corners_ras(result, shown)
    assert result.score_map is not None
    score = result.rois.score.astype(np.float64)
    counts, edges = np.histogram(score, bins=_HISTOGRAM_BINS, range=(0.0, 1.0))
    bins = [f"{low:.2f}–{high:.2f}" for low, high in pairwise(edges)]
    histogram: list[NodeColumn] = [("RoI score", bins), ("RoIs", counts.astype(np.int32))]
    scatter: list[NodeColumn] = [
        ("RoI area (pixels)", result.rois.area_px.astype(np.float64)),
        ("RoI score", score),
    ]
    score_map = yield from put_map_in_steps(
        nodes,
        "score map",
        "RoI mask score (%)",
        result.score_map,
        result.volume.ijk_to_ras,
        to_fraction=_mask_score,
    )
    return {
        "score_map": score_map,
        "boxes": put_boxes(nodes, "RoI boxes", "RoI boxes", corners, YELLOW),
        "box_scores": put_box_labels(
            nodes,
            "RoI score labels",
            "RoI score labels",
            corners[:, [0, 4]].mean(axis=1),
            [f"{value:.2f}" for value in score[shown]],
            YELLOW,
        ),
        "score_histogram": put_chart(
            nodes,
            "RoI histogram",
            "RoI scores",
            put_table(nodes, "RoI histogram table", "RoI score histogram table", histogram),
            kind="bar",
            x="RoI score",
            y="RoIs",
            color=SKY_BLUE,
        ),
        "area_score_plot": put_chart(
            nodes,
            "RoI scatter",
            "RoI area and score",
            put_table(nodes, "RoI table", "RoI table", scatter),
            kind="scatter",
            x="RoI area (pixels)",
            y="RoI score",
            color=SKY_BLUE,
            log_x=True,
        ),
    }


def _corners_ras(result: LesionResult, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The 8 corners of each shown RoI, (n, 8, 3) in mm, as thick as its slice."""
    assert result.rois is not None
    slice_index = result.rois.slice_index[shown].astype(np.float64)
    x0, y0, x1, y1 = result.rois.box[shown].astype(np.float64).T
    # Boxes count pixels from their edges, positions from the pixels' centers.
    face = np.stack([np.stack(c, -1) for c in ((y0, x0), (y0, x1), (y1, x1), (y1, x0))], 1) - 0.5
    zyx = np.empty((len(slice_index), 8, 3))
    zyx[:, :4, 1:], zyx[:, 4:, 1:] = face, face
    zyx[:, :4, 0], zyx[:, 4:, 0] = slice_index[:, None] - 0.5, slice_index[:, None] + 0.5
    return to_axial(result.volume).ras_of(zyx)
