"""Pictures of the scene without a screen: slices in any orientation."""

from __future__ import annotations

from itertools import count
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.scene.color_maps import legend_of
from Testing.rendering.offscreen import OffscreenWindow

Ras = tuple[float, float, float]

# Each view needs a name of its own: Slicer merges views of one name.
_layout_names = (f"MedAIPicture{number}" for number in count())
_DRAWN = (
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLMarkupsDisplayableManager",
)


def slice_picture(
    volume_node: Any,
    *,
    orientation: str = "Axial",
    at_ras: Ras | None = None,
    overlay: Any = None,
    overlay_opacity: float = 0.6,
    size_px: tuple[int, int] = (512, 512),
) -> NDArray[np.uint8]:
    """One slice with everything visible in the scene, uint8 (rows, columns, 3); see SliceView."""
    with SliceView(size_px) as view:
        return view.picture(
            volume_node,
            orientation=orientation,
            at_ras=at_ras,
            overlay=overlay,
            overlay_opacity=overlay_opacity,
        )


class SliceView:
    """A slice view that is never on a screen; its nodes leave the scene when it is closed.

    Radiological convention whatever the user's settings: the patient's right is on the left of
    axial and coronal pictures. Raises MissingDependencyError when no OpenGL can be had.
    """

    def __init__(self, size_px: tuple[int, int] = (512, 512)) -> None:
        self._slicer = host.start()
        import vtk

        self._offscreen = OffscreenWindow(size_px)
        self._node = self._add_slice_node(size_px)
        application = self._slicer.app.applicationLogic()
        self._logic = self._slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application)
        self._logic.SetMRMLScene(self._slicer.mrmlScene)
        self._logic.SetSliceNode(self._node)
        self._image = vtk.vtkImageMapper()
        self._image.SetColorWindow(255)
        self._image.SetColorLevel(127.5)
        image = vtk.vtkActor2D()
        image.SetMapper(self._image)
        # First the image, then what lies on it: in the other order the segments are covered.
        self._offscreen.renderer.AddViewProp(image)
        # Some managers draw nothing without an interactor.
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._offscreen.window)
        self._group = self._slicer.vtkMRMLDisplayableManagerGroup()
        self._group.SetRenderer(self._offscreen.renderer)
        for name in _DRAWN:
            manager = getattr(self._slicer, name)()
            manager.SetMRMLApplicationLogic(application)
            self._group.AddDisplayableManager(manager)
        self._group.SetMRMLDisplayableNode(self._node)
        self._legend = vtk.vtkScalarBarActor()
        self._offscreen.renderer.AddViewProp(self._legend)
        self._letters = [vtk.vtkTextActor() for _ in range(2)]
        for letter in self._letters:
            letter.GetTextProperty().SetFontSize(max(12, size_px[0] // 28))
            letter.GetTextProperty().SetColor(1, 1, 1)
            letter.GetTextProperty().SetShadow(True)
            self._offscreen.renderer.AddViewProp(letter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def picture(
        self,
        volume_node: Any,
        *,
        orientation: str = "Axial",
        at_ras: Ras | None = None,
        overlay: Any = None,
        overlay_opacity: float = 0.6,
    ) -> NDArray[np.uint8]:
        """Draw one slice: uint8 (rows, columns, 3).

        orientation: "Axial", "Sagittal" or "Coronal". at_ras: a point in mm: the slice
        nearest to it is drawn; None for the middle of the volume. overlay: a map of
        ``color_maps`` laid over it, with its legend.
        """
        composite = self._logic.GetSliceCompositeNode()
        composite.SetBackgroundVolumeID(volume_node.GetID())
        composite.SetLabelVolumeID(overlay.GetID() if overlay is not None else None)
        composite.SetLabelOpacity(overlay_opacity)
        self._draw_legend(overlay)
        self._node.SetOrientation(orientation)
        rows, columns = self._offscreen.window.GetSize()[::-1]
        self._logic.FitSliceToBackground(columns, rows)
        if at_ras is not None:
            self._node.JumpSliceByOffsetting(*at_ras)
        self._logic.SnapSliceOffsetToIJK()
        # The slice logic has another output once it has something to show.
        self._image.SetInputConnection(self._logic.GetImageDataConnection())
        self._write_letters(rows, columns)
        return self._offscreen.picture()

    def close(self) -> None:
        """Take the view's nodes out of the scene and give back its memory."""
        scene = self._slicer.mrmlScene
        self._group.SetMRMLDisplayableNode(None)
        model = self._logic.GetSliceModelNode()
        nodes = [
            self._logic.GetSliceCompositeNode(),
            self._logic.GetSliceModelDisplayNode(),
            self._logic.GetSliceModelTransformNode(),
            model,
            self._node,
        ]
        self._logic.SetMRMLScene(None)
        for node in nodes:
            if node is not None and scene.IsNodePresent(node):
                scene.RemoveNode(node)
        self._offscreen.close()

    def _add_slice_node(self, size_px: tuple[int, int]) -> Any:
        import vtk

        node = self._slicer.vtkMRMLSliceNode()
        name = next(_layout_names)
        node.SetName(name)
        node.SetLayoutName(name)
        node.SetSingletonTag(name)
        node.HideFromEditorsOn()
        # Without these presets left and right are mirrored.
        for preset in ("Axial", "Sagittal", "Coronal"):
            matrix = vtk.vtkMatrix3x3()
            getattr(self._slicer.vtkMRMLSliceNode, f"Get{preset}SliceToRASMatrix")(matrix, True)
            node.AddSliceOrientationPreset(preset, matrix)
        node.SetOrientation("Axial")
        node = self._slicer.mrmlScene.AddNode(node)
        node.SetDimensions(size_px[1], size_px[0], 1)
        return node

    def _draw_legend(self, overlay: Any) -> None:
        # Slicer's own legend manager knows only legends that are added while its view exists.
        legend = legend_of(overlay) if overlay is not None else None
        self._legend.SetVisibility(legend is not None)
        if legend is None:
            return
        table = overlay.GetDisplayNode().GetColorNode().CreateLookupTableCopy()
        table.SetTableRange(overlay.GetDisplayNode().GetScalarRange())
        self._legend.SetLookupTable(table)
        self._legend.SetTitle(legend.GetTitleText())
        self._legend.SetNumberOfLabels(legend.GetNumberOfLabels())
        self._legend.SetLabelFormat(legend.GetLabelFormat())
        self._legend.SetUnconstrainedFontSize(True)
        height_px = self._offscreen.window.GetSize()[1]
        for text in (self._legend.GetTitleTextProperty(), self._legend.GetLabelTextProperty()):
            text.ShallowCopy(self._letters[0].GetTextProperty())
            text.SetFontSize(max(10, height_px // 40))
        self._legend.SetOrientationToHorizontal()
        self._legend.SetPosition(0.2, 0.01)
        self._legend.SetWidth(0.6)
        self._legend.SetHeight(0.1)
        self._legend.SetDrawBackground(True)
        self._legend.GetBackgroundProperty().SetColor(0, 0, 0)
        self._legend.GetBackgroundProperty().SetOpacity(0.7)

    def _write_letters(self, rows: int, columns: int) -> None:
        matrix = self._slicer.util.arrayFromVTKMatrix(self._node.GetSliceToRAS())
        to_left, to_top = -matrix[:3, 0], matrix[:3, 1]
        margin = max(4, rows // 100)
        for letter, direction in zip(self._letters, (to_left, to_top), strict=True):
            axis = int(np.argmax(np.abs(direction)))
            letter.SetInput("RAS"[axis] if direction[axis] > 0 else "LPI"[axis])
        left, top = self._letters
        left.SetPosition(margin, rows / 2)
        top.SetPosition(columns / 2, rows - margin - top.GetTextProperty().GetFontSize())
