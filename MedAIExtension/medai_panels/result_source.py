"""Whose result it is: the nodes that a result was computed from, as they were then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slicer.i18n import tr as _

from medai.scene.presence import is_present


class ResultSource:
    """The one rule of all panels: a result belongs to its source nodes as they were.

    ``inputs``: the chosen input nodes in the panel's order, None where nothing is chosen. Their
    voxels are known by the time of their last modification. ``title``: what to call a source that
    isn't nodes, a study's folder.
    """

    def __init__(self, inputs: Sequence[Any], title: str = "") -> None:
        self._inputs, self._title = tuple(inputs), title
        self._names = [node.GetName() for node in self.nodes]
        self._stamps = [_stamp(node) for node in self.nodes]

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The inputs, None where nothing was chosen."""
        return self._inputs

    @property
    def nodes(self) -> tuple[Any, ...]:
        """The nodes, in order, without the inputs that were not chosen."""
        return tuple(node for node in self._inputs if node is not None)

    @property
    def name(self) -> str:
        """The nodes' names, of those that have gone as they were; else the title."""
        if not self.nodes:
            return self._title
        pairs = zip(self.nodes, self._names, strict=True)
        return ", ".join(node.GetName() if is_present(node) else name for node, name in pairs)

    @property
    def is_gone(self) -> bool:
        """Whether a node is no longer in the scene."""
        return not all(is_present(node) for node in self.nodes)

    @property
    def is_changed(self) -> bool:
        """Whether the voxels of a node that is still there, or their place, are others now."""
        pairs = zip(self.nodes, self._stamps, strict=True)
        return any(is_present(node) and _stamp(node) != stamp for node, stamp in pairs)

    def is_of(self, inputs: Sequence[Any]) -> bool:
        """Whether these are the inputs that are chosen, in the same order."""
        pairs = zip(self._inputs, inputs, strict=False)
        return len(self._inputs) == len(inputs) and all(one is other for one, other in pairs)

    def remark(self, inputs: Sequence[Any], name: str = "") -> str:
        """What a reader must know who takes the result for one of ``inputs``; "" when it is.

        name: what to call the source; by default the nodes' names.
        """
        name = name or self.name
        if self.is_gone:
            return _("This result is of {name}, which is no longer in the scene.").format(name=name)
        if not self.is_of(inputs):
            return _("This result is of {name}, not of the input that is chosen now.").format(
                name=name
            )
        if self.is_changed:
            return _("{name} was changed after this result was computed: run again.").format(
                name=name
            )
        return ""


def _stamp(node: Any) -> tuple[Any, ...]:
    import vtk

    if node.IsA("vtkMRMLSegmentationNode"):
        return _segments_stamp(node.GetSegmentation())
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    place = [matrix.GetElement(row, column) for row in range(3) for column in range(4)]
    image = node.GetImageData()
    scalars = None if image is None else image.GetPointData().GetScalars()
    return (None if scalars is None else scalars.GetMTime(), *place)


def _segments_stamp(segmentation: Any) -> tuple[Any, ...]:
    stamps = []
    for index in range(segmentation.GetNumberOfSegments()):
        name = segmentation.GetNthSegmentID(index)
        image = segmentation.GetSegment(name).GetRepresentation("Binary labelmap")
        stamps.append((name, None if image is None else image.GetMTime()))
    return tuple(stamps)
