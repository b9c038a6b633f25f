"""``slicer.modules``: the modules whose logics slicer-core carries."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

# Slicer's module name -> class of its logic, in an order in which a logic finds those it needs.
_LOGICS = {
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SegmentEditor": "vtkSlicerSegmentEditorLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
}


class Module:
    """One module: its name and its logic."""

    def __init__(self, name: str, logic: Any) -> None:
        self.name = name
        self._logic = logic

    def logic(self) -> Any:
        return self._logic


class ModuleManager:
    """All modules by name; ``namespace`` is what scripts see as ``slicer.modules``."""

    def __init__(self, slicer: ModuleType, application_logic: Any, scene: Any) -> None:
        self.namespace = SimpleNamespace()
        self._modules: dict[str, Module] = {}
        self._add("Colors", application_logic.GetColorLogic(), application_logic)
        for name, class_name in _LOGICS.items():
            logic = getattr(slicer, class_name)()
            logic.SetMRMLApplicationLogic(application_logic)
            self._add(name, logic, application_logic)
        for module in self._modules.values():
            if module.logic().GetMRMLScene() is None:
                module.logic().SetMRMLScene(scene)

    def module(self, name: str) -> Module | None:
        """The module of this name, or None as in Slicer."""
        return self._modules.get(name.lower())

    def modulesNames(self) -> tuple[str, ...]:
        return tuple(module.name for module in self._modules.values())

    def logic(self, name: str) -> Any:
        """The logic of a module that is known to exist."""
        return self._modules[name.lower()].logic()

    def _add(self, name: str, logic: Any, application_logic: Any) -> None:
        self._modules[name.lower()] = Module(name, logic)
        setattr(self.namespace, name.lower(), self._modules[name.lower()])
        application_logic.SetModuleLogic(name, logic)
