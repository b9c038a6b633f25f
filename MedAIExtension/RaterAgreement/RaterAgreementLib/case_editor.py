"""The case on the screen: image, outlines and the Segment Editor with the study's labels only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
from numpy.typing import NDArray

from medai.scene.annotation import CaseNodes, outlined_masks, remove_case, show_case

_EDITOR_TAG = "RaterAgreement"
# What would let a rater change the study's labels or leave its image.
_HIDDEN = (
    "segmentationNodeSelectorVisible",
    "sourceVolumeNodeSelectorVisible",
    "switchToSegmentationsButtonVisible",
    "addRemoveSegmentButtonsVisible",
    "specifyGeometryButtonVisible",
)
_CHANGES = ("SourceRepresentationModified", "SegmentAdded", "SegmentRemoved")


class CaseEditor:
    """Shows one case at a time in a qMRMLSegmentEditorWidget and knows whether it was changed."""

    def __init__(self, widget: Any) -> None:
        self._widget = widget
        self._case: CaseNodes | None = None
        self._labels: tuple[Any, ...] = ()
        self._observed: list[tuple[Any, int]] = []
        self.is_changed = False
        for name in _HIDDEN:
            widget.setProperty(name, False)
        widget.setProperty("undoEnabled", True)
        widget.setProperty("maximumNumberOfUndoStates", 10)

    @property
    def is_open(self) -> bool:
        """Whether a case is on the screen."""
        return self._case is not None

    def open(self, view: Any, labels: tuple[Any, ...]) -> None:
        """Show a case (logic's CaseView) and put the brush in the rater's hand."""
        self.close()
        self._labels = labels
        self._case = show_case(view.volume, labels, view.masks, view.region, view.predictions)
        self._widget.setMRMLScene(slicer.mrmlScene)
        self._widget.setMRMLSegmentEditorNode(_editor_node())
        self._widget.setSegmentationNode(self._case.outlines)
        self._widget.setSourceVolumeNode(self._case.volume)
        self._widget.setCurrentSegmentID(labels[0].name)
        self.pause(False)
        self._widget.installKeyboardShortcuts()
        segmentation = self._case.outlines.GetSegmentation()
        for name in _CHANGES:
            tag = segmentation.AddObserver(getattr(slicer.vtkSegmentation, name), self._on_change)
            self._observed.append((segmentation, tag))
        self.is_changed = False

    def masks(self) -> Mapping[str, NDArray]:
        """What is outlined now, by label. Raises StudyError when a label is gone."""
        return outlined_masks(self._case, self._labels)

    def pause(self, paused: bool) -> None:
        """Take the brush away, or give it back."""
        self._widget.setActiveEffectByName("" if paused else "Paint")
        self._widget.setEnabled(not paused)

    def close(self) -> None:
        """Take the case out of the scene."""
        case = self._let_go()
        if case is not None:
            remove_case(case)

    def forget(self) -> None:
        """The scene closes and takes the nodes along."""
        self._let_go()

    def _let_go(self) -> CaseNodes | None:
        for segmentation, tag in self._observed:
            segmentation.RemoveObserver(tag)
        self._observed = []
        case, self._case = self._case, None
        if case is not None:
            self._widget.uninstallKeyboardShortcuts()
            self._widget.setActiveEffectByName("")
            self._widget.setSegmentationNode(None)
            self._widget.setSourceVolumeNode(None)
        self.is_changed = False
        return case

    def _on_change(self, caller: Any, event: Any) -> None:
        self.is_changed = True


def _editor_node() -> Any:
    scene = slicer.mrmlScene
    node = scene.GetSingletonNode(_EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(_EDITOR_TAG)
        node = scene.AddNode(node)
    return node
