"""The list of the scene's segmentations; each ticked one is one rater."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer

from medai_panels.connections import Connections
from medai_panels.later import Later

_OWN_ROLE = "MedAI.role"  # what results of the panel itself carry


class SegmentationChoice:
    """Fills a QListWidget; ``changed()`` is called when a tick or the scene changes."""

    def __init__(self, list_widget: Any, changed: Callable[[], None]) -> None:
        self._list, self._changed = list_widget, changed
        self._ids: list[str] = []
        self._unticked: set[str] = set()
        self._filling = False
        self._later = Later(self.fill)
        self._connections = Connections()
        self._connections.add(list_widget.itemChanged, self._on_item)
        self._scene = slicer.mrmlScene
        self._tags = [
            self._scene.AddObserver(event, self._on_scene)
            for event in (
                self._scene.NodeAddedEvent,
                self._scene.NodeRemovedEvent,
                self._scene.EndCloseEvent,
                self._scene.EndImportEvent,
            )
        ]
        self.fill()

    @property
    def nodes(self) -> list[Any]:
        """The ticked segmentation nodes."""
        found = [self._scene.GetNodeByID(node_id) for node_id in self._ids]
        return [node for node in found if node is not None and node.GetID() not in self._unticked]

    def fill(self) -> None:
        """List what is in the scene now; what the panel itself made is no rater."""
        self._filling = True
        self._list.clear()
        self._ids = []
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if node.GetAttribute(_OWN_ROLE) or node.GetHideFromEditors():
                continue
            self._ids.append(node.GetID())
            item = qt.QListWidgetItem(node.GetName())
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
            ticked = node.GetID() not in self._unticked
            item.setCheckState(qt.Qt.Checked if ticked else qt.Qt.Unchecked)
            self._list.addItem(item)
        self._filling = False
        self._changed()

    def close(self) -> None:
        """Let go of the scene and all connections."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags = []
        self._later.close()
        self._connections.release()

    def _on_item(self, item: Any) -> None:
        if self._filling:
            return
        node_id = self._ids[self._list.row(item)]
        if item.checkState() == qt.Qt.Checked:
            self._unticked.discard(node_id)
        else:
            self._unticked.add(node_id)
        self._changed()

    def _on_scene(self, caller: Any, event: Any) -> None:
        # A node that was just added doesn't say yet whether it is a result.
        self._later.soon()
