"""A 3D picture of segments without a screen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medai import host
from medai.scene.segments import bounding_box, label_array
from Testing.rendering.offscreen import OffscreenWindow

# Along each axis of a segment's box; finer than a picture of 512 pixels shows.
_MOST_CELLS = 64


def picture_3d(
    segmentation_node: Any,
    *,
    from_direction: tuple[float, float, float] = (0.0, 1.0, 0.0),
    size_px: tuple[int, int] = (512, 512),
) -> NDArray[np.uint8]:
    """The visible segments' surfaces, seen from a RAS direction (default: from the front).

    Colors and opacities as the segments have them; seen from the front, the patient's right is on
    the picture's left. uint8 (rows, columns, 3), white where there is nothing. The scene stays as
    it is. Raises MissingDependencyError when no OpenGL can be had.
    """
    host.start()
    offscreen = OffscreenWindow(size_px)
    renderer = offscreen.renderer
    renderer.SetBackground(1.0, 1.0, 1.0)
    renderer.SetUseDepthPeeling(True)
    renderer.SetMaximumNumberOfPeels(8)
    for actor in _actors(segmentation_node):
        renderer.AddActor(actor)
    camera = renderer.GetActiveCamera()
    up = (0.0, 0.0, 1.0) if abs(from_direction[2]) < 0.9 else (0.0, 1.0, 0.0)
    camera.SetFocalPoint(0.0, 0.0, 0.0)
    camera.SetPosition(*from_direction)
    camera.SetViewUp(*up)
    renderer.ResetCamera()
    camera.Zoom(1.3)
    picture = offscreen.picture()
    offscreen.close()
    return picture


def _actors(node: Any) -> list[Any]:
    import vtk

    segmentation, display = node.GetSegmentation(), node.GetDisplayNode()
    actors = []
    for index in range(segmentation.GetNumberOfSegments()):
        each = segmentation.GetNthSegmentID(index)
        if not (display.GetSegmentVisibility(each) and display.GetSegmentVisibility3D(each)):
            continue
        surface = _surface(segmentation.GetSegment(each))
        if surface is None:
            continue
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputData(surface)
        mapper.ScalarVisibilityOff()
        actor = vtk.vtkActor()
        actor.SetMapper(mapper)
        look = actor.GetProperty()
        look.SetColor(*segmentation.GetSegment(each).GetColor())
        look.SetOpacity(display.GetSegmentOpacity3D(each) * display.GetOpacity3D())
        look.SetAmbient(0.25)
        look.SetDiffuse(0.75)
        actors.append(actor)
    return actors


def _surface(segment: Any) -> Any | None:
    # Slicer's own conversion takes seconds for lungs at full resolution; a picture doesn't need it.
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk

    image = segment.GetRepresentation("Binary labelmap")
    if image is None or image.IsEmpty():
        return None
    inside = label_array(image) == segment.GetLabelValue()
    if not inside.any():
        return None
    box = bounding_box(inside)
    step = [max(1, (s.stop - s.start) // _MOST_CELLS) for s in box]
    smooth = ndimage.gaussian_filter(np.pad(_block_mean(inside[box], step), 2), 1.0)
    grid = vtk.vtkImageData()
    grid.SetDimensions(*smooth.shape[::-1])
    grid.GetPointData().SetScalars(numpy_to_vtk(smooth.ravel(), deep=True))
    edges = vtk.vtkFlyingEdges3D()
    edges.SetInputData(grid)
    edges.SetValue(0, min(0.5, 0.6 * float(smooth.max())))
    edges.ComputeNormalsOff()
    # Cell 2 of the padded grid is the first block: its center lies half a block after its start.
    to_ijk = vtk.vtkTransform()
    extent_start = np.array(image.GetExtent()[::2])
    first = np.array([s.start for s in box])[::-1] + extent_start + (np.array(step)[::-1] - 1) / 2
    to_ras = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_ras)
    to_ijk.Concatenate(to_ras)
    to_ijk.Translate(*(first - 2 * np.array(step)[::-1]))
    to_ijk.Scale(*step[::-1])
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetTransform(to_ijk)
    moved.SetInputConnection(edges.GetOutputPort())
    normals = vtk.vtkPolyDataNormals()
    normals.SplittingOff()
    normals.SetInputConnection(moved.GetOutputPort())
    normals.Update()
    return normals.GetOutput()


def _block_mean(inside: NDArray[np.bool_], step: list[int]) -> NDArray[np.float32]:
    padding = [(0, -length % size) for length, size in zip(inside.shape, step, strict=True)]
    padded = np.pad(inside, padding).astype(np.float32)
    blocks = [
        n for length, size in zip(padded.shape, step, strict=True) for n in (length // size, size)
    ]
    return padded.reshape(blocks).mean(axis=(1, 3, 5))
