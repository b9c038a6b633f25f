"""``slicer.app.layoutManager()``: the views of Slicer's four-up layout, without a window."""

from __future__ import annotations

from types import ModuleType
from typing import Any


class SliceWidget:
    """One slice view: its logic, with the slice node and its layers."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()


class LayoutManager:
    """Makes the Red, Green, Yellow and 3D view nodes, and the slice logics that follow them."""

    def __init__(self, slicer: ModuleType, application_logic: Any, scene: Any) -> None:
        import vtk

        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLApplicationLogic(application_logic)
        self._layout_logic.SetMRMLScene(scene)
        self.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._slice_widgets: dict[str, SliceWidget] = {}
        slice_logics = vtk.vtkCollection()
        views = self._layout_logic.GetViewNodes()
        for view in (views.GetItemAsObject(i) for i in range(views.GetNumberOfItems())):
            if view.IsA("vtkMRMLSliceNode"):
                logic = slicer.vtkMRMLSliceLogic()
                logic.SetMRMLApplicationLogic(application_logic)
                logic.SetMRMLScene(scene)
                logic.SetSliceNode(view)
                slice_logics.AddItem(logic)
                self._slice_widgets[view.GetLayoutName()] = SliceWidget(logic)
        application_logic.SetSliceLogics(slice_logics)
        self._application_logic = application_logic

    def layoutLogic(self) -> Any:
        return self._layout_logic

    def mrmlSliceLogics(self) -> Any:
        return self._application_logic.GetSliceLogics()

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slice_widgets)

    def sliceWidget(self, name: str) -> SliceWidget | None:
        """The slice view of this name, or None as in Slicer."""
        return self._slice_widgets.get(name)

    def setLayout(self, layout: int) -> None:
        self._layout_logic.GetLayoutNode().SetViewArrangement(layout)

    def resetSliceViews(self) -> None:
        """Fit every slice view to what it shows."""
        self._application_logic.FitSliceToAll()

    def resetThreeDViews(self) -> None:
        """There is no 3D view without a window."""
