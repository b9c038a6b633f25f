"""The qMRML widgets that panels use, on PySide6, fed by the real MRML scene of slicer-core."""

from __future__ import annotations

import slicer
from PySide6.QtCore import Property, QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

# The keys that the Segment Editor binds in the main window (Slicer 5.8 to 5.12): effects, undo and
# redo, previous and next segment, intensity mask.
SEGMENT_EDITOR_KEYS = (
    *"1234567890",
    *(f"Shift+{digit}" for digit in "1234567890"),
    "Esc",
    "Space",
    *("Z", "Ctrl+Z", "Y", "Ctrl+Y", "Ctrl+Shift+Z"),
    *("Q", "W", "/", "*", ",", ".", ">", "<"),
    "I",
)
# What effects and views take in a view that has the focus (Draw: Return, Delete; slice and 3D
# views), and what the main window's menus have.
VIEW_KEYS = (
    *("Return", "Enter", "Del", "Backspace", "A", "X", "+", "-", "=", "Left", "Right", "Up"),
    *("Down", "B", "F", "V", "R", "G", "T", "[", "]", "{", "}", "P", "E", "S", "H"),
    *("Home", "End", "PgUp", "PgDown", "Ins", "Ctrl+B"),
)
MAIN_WINDOW_KEYS = (
    *("Ctrl+F", "Ctrl+O", "Ctrl+S", "Ctrl+W", "Ctrl+H", "Ctrl+Q", "Ctrl+`"),
    *(f"Ctrl+{digit}" for digit in "012345"),
    *("Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+A", "Ctrl+G", "F1", "F11"),
)


class qMRMLWidget(QWidget):
    """A widget that knows the scene and tells its children."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """The window that Slicer gives a scripted module's panel."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entered = False
        self.setLayout(QVBoxLayout())

    def _set_entered(self, entered: bool) -> None:
        self._entered = entered

    isEntered = Property(bool, lambda self: self._entered, _set_entered)


def _flag(name: str):
    return Property(
        bool,
        lambda widget: getattr(widget, name, True),
        lambda widget, value: setattr(widget, name, value),
    )


class _SortFilterProxyModel(QObject):
    """What is offered: nodes whose ids are hidden are not."""

    def __init__(self, combo: qMRMLNodeComboBox) -> None:
        super().__init__(combo)
        self.hidden: tuple[str, ...] = ()

    def _set_hidden(self, node_ids) -> None:
        self.hidden = tuple(node_ids)
        self.parent()._refill()

    hiddenNodeIDs = Property("QStringList", lambda self: list(self.hidden), _set_hidden)


class qMRMLNodeComboBox(qMRMLWidget):
    """A combo box of the scene's nodes of some types.

    As the real one: it follows nodes that come, go and are renamed, takes the first node when
    "none" isn't allowed, also in the middle of a scene's import, takes a neighbor when the current
    node goes, offers derived types unless told not to, and has no current node while there is no
    scene.
    """

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._node_types: list[str] = []
        self._none_enabled = False
        self._tags: list[tuple[object, int]] = []
        self._ids: list[str] = []
        self._current_id = ""
        self._model = _SortFilterProxyModel(self)
        self._combo = QComboBox(self)
        # A long node name must not make the whole panel wider.
        self._combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(self._index_changed)
        self.destroyed.connect(self._forget_scene)

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        self._forget_scene()
        super().setMRMLScene(scene)
        if scene is not None:
            for event in (
                scene.NodeAddedEvent,
                scene.NodeRemovedEvent,
                scene.EndCloseEvent,
                scene.EndImportEvent,
                scene.EndBatchProcessEvent,
            ):
                self._tags.append((scene, scene.AddObserver(event, self._scene_changed)))
        self._refill()

    def currentNode(self):
        if self._scene is None or not self._current_id:
            return None
        return self._scene.GetNodeByID(self._current_id)

    def setCurrentNode(self, node) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, node_id: str | None) -> None:
        node_id = node_id or ""
        if node_id in self._ids:
            self._combo.setCurrentIndex(self._ids.index(node_id))
        elif not node_id:
            self._combo.setCurrentIndex(-1)

    def nodeCount(self) -> int:
        return len([node_id for node_id in self._ids if node_id])

    def _forget_scene(self) -> None:
        for scene, tag in self._tags:
            scene.RemoveObserver(tag)
        self._tags = []

    def _scene_changed(self, scene, event) -> None:
        self._refill()

    def sortFilterProxyModel(self) -> _SortFilterProxyModel:
        return self._model

    def _nodes(self) -> list:
        if self._scene is None:
            return []
        nodes = []
        for node_type in self._node_types:
            nodes += [
                node
                for node in slicer.util.getNodesByClass(node_type)
                if not node.GetHideFromEditors()
                and node.GetID() not in self._model.hidden
                and (self.showChildNodeTypes or node.GetClassName() == node_type)
                and node not in nodes
            ]
        return nodes

    def _refill(self) -> None:
        nodes = self._nodes()
        before = self._ids
        self._combo.blockSignals(True)
        self._combo.clear()
        self._ids = []
        if self._none_enabled:
            self._combo.addItem("None")
            self._ids.append("")
        for node in nodes:
            self._combo.addItem(node.GetName())
            self._ids.append(node.GetID())
        wanted = self._current_id
        if wanted not in self._ids:
            wanted = self._neighbor(before)
        self._combo.setCurrentIndex(self._ids.index(wanted) if self._ids else -1)
        self._combo.blockSignals(False)
        self._take(wanted)

    def _neighbor(self, before: list[str]) -> str:
        """What is current when the current node has gone: the next row that is still there."""
        rows = self._ids
        if self._current_id and self._current_id in before:
            place = before.index(self._current_id)
            around = [*before[place + 1 :], *reversed(before[:place])]
            return next((node_id for node_id in around if node_id in rows), next(iter(rows), ""))
        return next(iter(rows), "")

    def _index_changed(self, index: int) -> None:
        self._take(self._ids[index] if index >= 0 else "")

    def _take(self, node_id: str) -> None:
        if node_id == self._current_id:
            return
        self._current_id = node_id
        self.currentNodeChanged.emit(self.currentNode())
        self.currentNodeIDChanged.emit(node_id)

    def _set_node_types(self, node_types) -> None:
        self._node_types = [name for name in node_types if name]
        self._refill()

    def _set_none_enabled(self, enabled: bool) -> None:
        self._none_enabled = enabled
        self._refill()

    nodeTypes = Property("QStringList", lambda self: self._node_types, _set_node_types)
    noneEnabled = Property(bool, lambda self: self._none_enabled, _set_none_enabled)
    currentNodeID = Property(str, lambda self: self._current_id, setCurrentNodeID)
    addEnabled = _flag("_add_enabled")
    removeEnabled = _flag("_remove_enabled")
    renameEnabled = _flag("_rename_enabled")
    editEnabled = _flag("_edit_enabled")
    showHidden = _flag("_show_hidden")
    showChildNodeTypes = _flag("_show_child_node_types")
    selectNodeUponCreation = _flag("_select_node_upon_creation")


class qMRMLTableView(QTableWidget):
    """Shows a table node, read-only, as it was when it was set."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._node = None
        self._scene = None

    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def mrmlTableNode(self):
        return self._node

    def setMRMLTableNode(self, node) -> None:
        self._node = node
        table = node.GetTable() if node is not None else None
        columns = table.GetNumberOfColumns() if table is not None else 0
        rows = table.GetNumberOfRows() if table is not None else 0
        self.setRowCount(rows)
        self.setColumnCount(columns)
        self.setHorizontalHeaderLabels([table.GetColumnName(c) for c in range(columns)])
        for row in range(rows):
            for column in range(columns):
                item = QTableWidgetItem(table.GetValue(row, column).ToString())
                item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsSelectable)
                self.setItem(row, column, item)


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Remembers what it was told and owns its keys; the real one draws and paints."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor_node = None
        self._segmentation_node = None
        self._source_volume_node = None
        self._effect_name = ""
        self._current_segment_id = ""
        self._shortcuts: list[QShortcut] = []
        self.setMinimumHeight(60)

    def setMRMLSegmentEditorNode(self, node) -> None:
        self._editor_node = node

    def mrmlSegmentEditorNode(self):
        return self._editor_node

    def setSegmentationNode(self, node) -> None:
        self._segmentation_node = node

    def segmentationNode(self):
        return self._segmentation_node

    def setSourceVolumeNode(self, node) -> None:
        self._source_volume_node = node

    def sourceVolumeNode(self):
        return self._source_volume_node

    def setActiveEffectByName(self, name: str) -> None:
        self._effect_name = name

    def activeEffectName(self) -> str:
        return self._effect_name

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._current_segment_id = segment_id

    def currentSegmentID(self) -> str:
        return self._current_segment_id

    def installKeyboardShortcuts(self, widget: QWidget | None = None) -> None:
        """Bind the Segment Editor's keys, in the whole main window."""
        self.uninstallKeyboardShortcuts()
        for key in SEGMENT_EDITOR_KEYS:
            self._shortcuts.append(QShortcut(QKeySequence(key), widget or self.window()))

    def uninstallKeyboardShortcuts(self) -> None:
        """Free them."""
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
        self._shortcuts = []


WIDGETS = (
    qMRMLWidget,
    qMRMLNodeComboBox,
    qMRMLTableView,
    qMRMLSegmentEditorWidget,
    qSlicerScriptedLoadableModuleWidget,
)
