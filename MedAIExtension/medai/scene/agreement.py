"""Raters' outlines of one image, where they differ, their consensus, and a study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medai import host
from medai.agreement.cohort import CohortResult
from medai.agreement.consensus import Consensus, dawid_skene, disagreement, majority, staple
from medai.agreement.ratings import ImageRatings
from medai.palette import BLUE, CLASS_COLORS, VERMILLION, Rgb
from medai.scene.color_maps import put_map
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, put_labels
from medai.scene.tables import put_chart, put_table
from medai.scene.volumes import world_matrix

_KIND = "agreement"
_SUMMARY = "Rater agreement"
_CONSENSUS = "consensus"
CONSENSUS_METHODS = {"majority": majority, "STAPLE": staple, "Dawid–Skene": dawid_skene}
_IMAGE_MEASURES = {
    "pixel ICC": "pixel_icc",
    "Krippendorff's alpha": "krippendorff_alpha",
    "Dice": "dice",
    "extent": "extent",
}
_RATER_MEASURES = ("accuracy", "iou", "tpr", "ppv", "f1", "extent")


@dataclass(frozen=True, eq=False)
class RaterNodes:
    """One image with its raters; ``show_map(disagreement)`` lays the map over the image."""

    volume: Any
    outlines: Any
    disagreement: Any


@dataclass(frozen=True, eq=False)
class CohortNodes:
    """A study's tables and plots; summary: a text node that holds the sentence."""

    summary: Any
    image_table: Any
    rater_table: Any
    image_plot: Any
    rater_plot: Any


def show_raters(
    ratings: ImageRatings,
    colors: Mapping[str, Rgb],
    volume_node: Any,
    *,
    models: Sequence[str] = (),
) -> RaterNodes:
    """Every rater's outline in the rater's color over the image, and the map of disagreement.

    ratings: masks (raters, z, y, x) on the grid of ``volume_node``. models: names among the raters
    that are drawn, but have no say in the disagreement. Showing other ratings of the same image
    updates these nodes.
    """
    nodes = ResultNodes(volume_node, _KIND, f"{volume_node.GetName()} agreement")
    matrix = world_matrix(volume_node)
    outlines = nodes.node("raters", "vtkMRMLSegmentationNode", "raters", beside=True)
    outlines.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    outlines.GetDisplayNode().SetSliceIntersectionThickness(2)
    segmentation = outlines.GetSegmentation()
    for index in reversed(range(segmentation.GetNumberOfSegments())):
        if segmentation.GetNthSegmentID(index) not in ratings.raters:
            segmentation.RemoveSegment(segmentation.GetNthSegmentID(index))
    for rater, mask in zip(ratings.raters, ratings.masks, strict=True):
        # A label map each: raters' outlines overlap.
        look = SegmentLook(rater, colors[rater], fill=0.0)
        put_labels(outlines, np.asarray(mask, np.uint8), matrix, {1: look})
    people = [k for k, rater in enumerate(ratings.raters) if rater not in models]
    entropy = np.nan_to_num(disagreement(ratings.masks[people], ratings.roi))
    overlay = put_map(nodes, "disagreement", "disagreement (%)", entropy, matrix)
    return RaterNodes(volume_node, outlines, overlay)


def show_consensus(ratings: ImageRatings, method: str, volume_node: Any) -> tuple[Any, Consensus]:
    """One outline made of all raters' as a segmentation node, and what it rests on.

    method: of CONSENSUS_METHODS. Raises RatingError where the method has no answer.
    """
    consensus = CONSENSUS_METHODS[method](ratings.masks, ratings.roi)
    nodes = ResultNodes(volume_node, _KIND, f"{volume_node.GetName()} agreement")
    node = nodes.node(_CONSENSUS, "vtkMRMLSegmentationNode", _CONSENSUS, beside=True)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.GetDisplayNode().SetSliceIntersectionThickness(3)
    look = SegmentLook(_CONSENSUS, CLASS_COLORS[_CONSENSUS], fill=0.0)
    put_labels(node, consensus.mask, world_matrix(volume_node), {1: look})
    node.GetDisplayNode().SetVisibility(True)
    return node, consensus


def hide_consensus(volume_node: Any) -> None:
    """Hide the consensus of an image, if it was shown."""
    node = ResultNodes(volume_node, _KIND, "").find(_CONSENSUS)
    if node is not None:
        node.GetDisplayNode().SetVisibility(False)


def show_cohort(cohort: CohortResult) -> CohortNodes:
    """A study's per-image and per-rater numbers as tables and plots.

    Showing another result updates these nodes.
    """
    slicer = host.start()
    summary = slicer.util.getFirstNodeByClassByName("vtkMRMLTextNode", _SUMMARY)
    if summary is None:
        summary = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", _SUMMARY)
    summary.SetText(cohort.sentence)
    nodes = ResultNodes(summary, _KIND, f"{_SUMMARY} tables")
    images = put_table(
        nodes,
        "image table",
        "images",
        [
            ("image", list(cohort.images)),
            *(
                (title, np.array([cohort.value(image, measure) for image in cohort.images]))
                for title, measure in _IMAGE_MEASURES.items()
            ),
        ],
    )
    raters = rater_means(cohort)
    rater_table = put_table(
        nodes,
        "rater table",
        "raters",
        [
            ("rater", list(raters)),
            *(
                (measure, np.array([row[measure] for row in raters.values()]))
                for measure in _RATER_MEASURES
            ),
        ],
    )
    return CohortNodes(
        summary=summary,
        image_table=images,
        rater_table=rater_table,
        image_plot=put_chart(
            nodes,
            "image plot",
            "pixel agreement of each image",
            images,
            kind="bar",
            x="image",
            y="pixel ICC",
            color=BLUE,
        ),
        rater_plot=put_chart(
            nodes,
            "rater plot",
            "accuracy against the majority of the others",
            rater_table,
            kind="bar",
            x="rater",
            y="accuracy",
            color=VERMILLION,
        ),
    )


def rater_means(cohort: CohortResult) -> dict[str, dict[str, float]]:
    """By rater, models and the naive rater included, each measure's mean over the images."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in cohort.rater_rows:
        values.setdefault(row["rater"], {}).setdefault(row["measure"], []).append(row["value"])
    naive: dict[str, list[float]] = {"extent": [1.0]}
    for row in cohort.image_rows:
        if row["measure"].startswith("naive_"):
            naive.setdefault(row["measure"].removeprefix("naive_"), []).append(row["value"])
    values["naive rater"] = naive
    return {
        rater: {measure: _mean(found.get(measure, [])) for measure in (*_RATER_MEASURES, *found)}
        for rater, found in values.items()
    }


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
