"""One case as an annotator sees it: the image, the outlines being drawn, the region that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.errors import StudyError
from medai.images import Segmentation, Volume
from medai.palette import CLASS_COLORS, ORANGE
from medai.scene.removal import remove_node
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, label_array, put_labels
from medai.scene.volumes import show_volume, world_matrix
from medai.studies import Label

_REGION = "region of interest"
_LABELMAP = "Binary labelmap"


@dataclass(frozen=True, eq=False)
class CaseNodes:
    """The nodes of the case on the screen; region and predictions are None when not shown."""

    volume: Any
    outlines: Any
    region: Any
    predictions: Any


def show_case(
    volume: Volume,
    labels: Sequence[Label],
    masks: Mapping[str, NDArray] | None = None,
    region: NDArray | None = None,
    predictions: Mapping[str, Segmentation] | None = None,
) -> CaseNodes:
    """Show an image with the study's labels to outline.

    masks: (z, y, x) by label name, the outlines of a draft; None starts with nothing outlined.
    region: (z, y, x), drawn as an outline. predictions: models' masks by model, drawn dimmed.
    """
    slicer = host.start()
    node = show_volume(volume)
    nodes = ResultNodes(node, "annotation", f"{volume.name} annotation")
    outlines = nodes.node("outlines", "vtkMRMLSegmentationNode", "outlines", beside=True)
    outlines.SetReferenceImageGeometryParameterFromVolumeNode(node)
    drawn = np.zeros(volume.grid_shape, np.uint8)
    for number, label in enumerate(labels, start=1):
        if masks is not None and label.name in masks:
            drawn[np.asarray(masks[label.name]) != 0] = number
    looks = {
        number: SegmentLook(label.name, label.color, fill=0.25)
        for number, label in enumerate(labels, start=1)
    }
    put_labels(outlines, drawn, volume.ijk_to_ras, looks)
    for label in labels:
        if label.terminology:
            outlines.GetSegmentation().GetSegment(label.name).SetTerminology(label.terminology)
    outlines.GetDisplayNode().SetSliceIntersectionThickness(2)
    shown_region = None
    if region is not None:
        shown_region = nodes.node("region", "vtkMRMLSegmentationNode", _REGION, beside=True)
        look = SegmentLook(_REGION, CLASS_COLORS[_REGION], fill=0.0, outline=0.8)
        put_labels(shown_region, (region != 0).astype(np.uint8), volume.ijk_to_ras, {1: look})
    shown_predictions = _show_predictions(nodes, volume, predictions) if predictions else None
    if volume.grid_shape[0] == 1:
        slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        slicer.app.layoutManager().resetSliceViews()
    case = CaseNodes(node, outlines, shown_region, shown_predictions)
    # The study's folder holds the draft; in a saved scene the outlines would be nobody's.
    for each in (node, outlines, shown_region, shown_predictions):
        if each is not None:
            _keep_out_of_saved_scenes(each)
    return case


def outlined_masks(case: CaseNodes, labels: Sequence[Label]) -> dict[str, NDArray[np.uint8]]:
    """What is outlined now, (z, y, x) of 0 and 1 by label name, on the image's grid.

    Raises StudyError when a label's segment is gone, or something is drawn in a segment that isn't
    the study's: it would be lost.
    """
    segmentation = case.outlines.GetSegmentation()
    names = [label.name for label in labels]
    for index in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(index)
        if segment_id not in names and not _is_empty(segmentation.GetSegment(segment_id)):
            raise StudyError(
                f"Segment {segmentation.GetSegment(segment_id).GetName()!r} is not a label of this "
                f"study: move what is drawn in it to {' or '.join(names)}."
            )
    masks = {}
    for name in names:
        if segmentation.GetSegment(name) is None:
            raise StudyError(
                f"The segment {name!r} was removed: undo that, or open the case again."
            )
        masks[name] = segment_mask(case.outlines, name, case.volume)
    return masks


def segment_mask(node: Any, segment_id: str, volume_node: Any) -> NDArray[np.uint8]:
    """A segment (z, y, x) of 0 and 1 on a volume node's grid, resampled (nearest) if need be."""
    mask = np.zeros(tuple(reversed(volume_node.GetImageData().GetDimensions())), np.uint8)
    box, drawn = segment_part(node, segment_id, volume_node)
    mask[box] = drawn
    return mask


def segment_part(
    node: Any, segment_id: str, volume_node: Any
) -> tuple[tuple[slice, slice, slice], NDArray[np.bool_]]:
    """A box (z, y, x) of a volume node's grid that holds a segment, and the segment in it.

    It is resampled (nearest) where it lies on another grid.
    """
    shape = tuple(reversed(volume_node.GetImageData().GetDimensions()))
    segment = node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(_LABELMAP)
    if _is_empty(segment):
        return (slice(0, 0),) * 3, np.zeros((0, 0, 0), bool)
    if _on_grid(image, volume_node) and _inside(image.GetExtent(), shape):
        # The segment's own memory: no filter runs, whatever the size of the image.
        x0, x1, y0, y1, z0, z1 = image.GetExtent()
        box = slice(z0, z1 + 1), slice(y0, y1 + 1), slice(x0, x1 + 1)
        return box, label_array(image) == segment.GetLabelValue()
    found = host.start().util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume_node)
    return (slice(None),) * 3, found != 0


def is_on_grid(node: Any, segment_id: str, volume_node: Any) -> bool:
    """Whether a segment, unless it is empty, lies on a volume node's grid without resampling."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    return _is_empty(segment) or _on_grid(segment.GetRepresentation(_LABELMAP), volume_node)


def remove_case(case: CaseNodes) -> None:
    """Take the case out of the scene."""
    for node in (case.predictions, case.region, case.outlines, case.volume):
        if node is not None:
            remove_node(node)


def _show_predictions(
    nodes: ResultNodes, volume: Volume, predictions: Mapping[str, Segmentation]
) -> Any:
    shown = nodes.node("predictions", "vtkMRMLSegmentationNode", "model", beside=True)
    for model, segmentation in predictions.items():
        mask = (segmentation.layers != 0).any(axis=0).astype(np.uint8)
        look = SegmentLook(model, ORANGE, fill=0.0, outline=0.6)
        put_labels(shown, mask, volume.ijk_to_ras, {1: look})
    return shown


def _keep_out_of_saved_scenes(node: Any) -> None:
    node.SetSaveWithScene(False)
    for index in range(node.GetNumberOfDisplayNodes()):
        node.GetNthDisplayNode(index).SetSaveWithScene(False)


def _is_empty(segment: Any) -> bool:
    image = segment.GetRepresentation(_LABELMAP)
    if image is None or image.IsEmpty():
        return True
    return not (label_array(image) == segment.GetLabelValue()).any()


def _on_grid(image: Any, volume_node: Any) -> bool:
    slicer = host.start()
    import vtk

    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return bool(
        np.allclose(slicer.util.arrayFromVTKMatrix(matrix), world_matrix(volume_node), atol=1e-4)
    )


def _inside(extent: Sequence[int], shape: tuple[int, ...]) -> bool:
    lows, highs = extent[::2], extent[1::2]
    return min(lows) >= 0 and all(h < n for h, n in zip(highs, reversed(shape), strict=True))
