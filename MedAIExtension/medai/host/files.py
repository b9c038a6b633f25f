"""``slicer.app.coreIOManager()``: what ``slicer.util.load…`` and ``save…`` reach for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from medai.host.modules import ModuleManager

# Longest suffixes first: ".seg.nrrd" is a segmentation, ".nrrd" a volume.
_FILE_TYPES = {
    ".seg.nrrd": "SegmentationFile",
    ".seg.nhdr": "SegmentationFile",
    ".seg.vtm": "SegmentationFile",
    ".mrk.json": "MarkupsFile",
    ".nii.gz": "VolumeFile",
    ".mrml": "SceneFile",
    ".mrb": "SceneFile",
    ".nrrd": "VolumeFile",
    ".nhdr": "VolumeFile",
    ".mhd": "VolumeFile",
    ".mha": "VolumeFile",
    ".nii": "VolumeFile",
    ".dcm": "VolumeFile",
    ".png": "VolumeFile",
    ".jpg": "VolumeFile",
    ".tif": "VolumeFile",
    ".tiff": "VolumeFile",
    ".vtk": "ModelFile",
    ".vtp": "ModelFile",
    ".stl": "ModelFile",
    ".ply": "ModelFile",
    ".obj": "ModelFile",
    ".fcsv": "MarkupsFile",
    ".tfm": "TransformFile",
    ".h5": "TransformFile",
    ".tsv": "TableFile",
    ".csv": "TableFile",
    ".ctbl": "ColorTableFile",
    ".txt": "TextFile",
    ".xml": "TextFile",
    ".json": "TextFile",
}

_WRITER_TYPES = {
    "vtkMRMLSegmentationNode": "SegmentationFile",
    "vtkMRMLVolumeNode": "VolumeFile",
    "vtkMRMLModelNode": "ModelFile",
    "vtkMRMLMarkupsNode": "MarkupsFile",
    "vtkMRMLTransformNode": "TransformFile",
    "vtkMRMLTableNode": "TableFile",
    "vtkMRMLColorNode": "ColorTableFile",
    "vtkMRMLTextNode": "TextFile",
}

Properties = dict[str, Any]


class FileManager:
    """Reads files into nodes and writes nodes to files; the names are Slicer's."""

    def __init__(self, slicer: ModuleType, modules: ModuleManager, scene: Any) -> None:
        self._slicer = slicer
        self._modules = modules
        self._scene = scene
        self._readers: dict[str, Callable[[str, Properties], Any]] = {
            "VolumeFile": self._read_volume,
            "SegmentationFile": self._read_segmentation,
            "ModelFile": lambda path, _: self._logic("Models").AddModel(path),
            "MarkupsFile": self._read_markups,
            "TransformFile": lambda path, _: self._logic("Transforms").AddTransform(path, scene),
            "TableFile": lambda path, given: self._logic("Tables").AddTable(path, _name(given)),
            "ColorTableFile": lambda path, _: self._logic("Colors").LoadColorFile(path),
            "TextFile": self._read_text,
        }

    def fileType(self, path: str) -> str:
        """The file type that this path's suffix stands for; "NoFile" when unknown."""
        return _FILE_TYPES.get(self.extractKnownExtension(path), "NoFile")

    def fileWriterFileType(self, node: Any) -> str:
        """The file type in which a node is written; "NoFile" when it is not stored in files."""
        return next((kind for name, kind in _WRITER_TYPES.items() if node.IsA(name)), "NoFile")

    def extractKnownExtension(self, path: str, node: Any = None) -> str:
        """The longest known suffix of a path, with its dot; "" when there is none."""
        name = Path(path).name.lower()
        return next((suffix for suffix in _FILE_TYPES if name.endswith(suffix)), "")

    def fileWriterExtensions(self, node: Any) -> tuple[str, ...]:
        """Every suffix a node can be written with, as ``Description (.suffix)``."""
        storage = node.GetStorageNode() or node.CreateDefaultStorageNode()
        types = storage.GetSupportedWriteFileTypes() if storage is not None else None
        return tuple(types.GetValue(i) for i in range(types.GetNumberOfValues())) if types else ()

    def loadNodes(self, file_type: str, properties: Properties, loaded: Any, messages: Any) -> bool:
        """Read one file; new nodes go into ``loaded``. False, and a message, when it fails."""
        path = str(properties["fileName"])
        if not Path(path).exists():
            return _refuse(messages, f"{path} does not exist.")
        if file_type == "SceneFile":
            return self._read_scene(path, properties, messages)
        reader = self._readers.get(file_type)
        node = reader(path, properties) if reader else None
        if node is None:
            return _refuse(messages, f"{path} can't be read as {file_type}.")
        loaded.AddItem(node)
        return True

    def saveNodes(self, file_type: str, properties: Properties, messages: Any) -> bool:
        """Write one node, or the scene, to ``fileName``."""
        path = str(properties["fileName"])
        if file_type == "SceneFile":
            return self._write_scene(path, messages)
        node = self._scene.GetNodeByID(properties["nodeID"])
        storage = node.GetStorageNode()
        if storage is None:
            node.AddDefaultStorageNode(path)
            storage = node.GetStorageNode()
        storage.SetFileName(path)
        if "useCompression" in properties:
            storage.SetUseCompression(bool(properties["useCompression"]))
        return bool(storage.WriteData(node))

    def exportNodes(
        self, ids: list[str], paths: list[str], properties: Properties, harden: bool, messages: Any
    ) -> bool:
        """Write copies of nodes: their own storage nodes stay as they are."""
        done = True
        for node_id, path in zip(ids, paths, strict=True):
            node = self._scene.GetNodeByID(node_id)
            storage = node.CreateDefaultStorageNode()
            storage.SetScene(self._scene)
            storage.SetFileName(str(path))
            if harden and node.GetParentTransformNode() is not None:
                name = node.GetName()
                return _refuse(messages, f"{name} is under a transform: harden it before export.")
            done = bool(storage.WriteData(node)) and done
        return done

    def _logic(self, module: str) -> Any:
        return self._modules.logic(module)

    def _read_volume(self, path: str, given: Properties) -> Any:
        flags = {"labelmap": 1, "center": 2, "singleFile": 4, "discardOrientation": 16}
        options = sum(flag for name, flag in flags.items() if given.get(name, False))
        options += 8 * bool(given.get("autoWindowLevel", True))
        node = self._logic("Volumes").AddArchetypeVolume(
            path, _name(given) or _base_name(path), options
        )
        if node is not None and given.get("show", True):
            application = self._slicer.app.applicationLogic()
            application.GetSelectionNode().SetActiveVolumeID(node.GetID())
            application.PropagateVolumeSelection(1)
        return node

    def _read_segmentation(self, path: str, given: Properties) -> Any:
        return self._logic("Segmentations").LoadSegmentationFromFile(
            path, bool(given.get("autoOpacities", True)), _name(given) or _base_name(path)
        )

    def _read_markups(self, path: str, given: Properties) -> Any:
        node_id = self._logic("Markups").LoadMarkups(path, _name(given))
        return self._scene.GetNodeByID(node_id) if node_id else None

    def _read_text(self, path: str, given: Properties) -> Any:
        node = self._scene.AddNewNodeByClass("vtkMRMLTextNode", _name(given) or _base_name(path))
        node.AddDefaultStorageNode(path)
        if node.GetStorageNode().ReadData(node):
            return node
        self._scene.RemoveNode(node)
        return None

    def _read_scene(self, path: str, given: Properties, messages: Any) -> bool:
        clear = bool(given.get("clear", True))
        if path.lower().endswith(".mrb"):
            return bool(self._scene.ReadFromMRB(path, clear, messages))
        self._scene.SetURL(path)
        return bool(self._scene.Connect(messages) if clear else self._scene.Import(messages))

    def _write_scene(self, path: str, messages: Any) -> bool:
        if path.lower().endswith(".mrb"):
            return bool(self._scene.WriteToMRB(path, None, messages))
        if path.lower().endswith(".mrml"):
            return bool(self._scene.Commit(path, messages))
        Path(path).mkdir(parents=True, exist_ok=True)
        return bool(self._scene.SaveSceneToSlicerDataBundleDirectory(path, None, messages))


def _name(given: Properties) -> str:
    return str(given.get("name", ""))


def _base_name(path: str) -> str:
    return Path(path).name.split(".")[0]


def _refuse(messages: Any, text: str) -> bool:
    import vtk

    messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
    return False
