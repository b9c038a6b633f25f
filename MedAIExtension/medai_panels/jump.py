"""Taking the views to a place in space."""

from __future__ import annotations

from collections.abc import Sequence

import slicer


def jump_to(position_ras: Sequence[float]) -> None:
    """Center every slice view, and what every 3D view turns around, on a point (R, A, S) in mm."""
    scene = slicer.mrmlScene
    center = slicer.vtkMRMLSliceNode.CenteredJumpSlice
    slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *position_ras, center)
    for camera in slicer.util.getNodesByClass("vtkMRMLCameraNode"):
        focus, eye = camera.GetFocalPoint(), camera.GetPosition()
        camera.SetFocalPoint(*position_ras)
        camera.SetPosition(*(e + p - f for e, p, f in zip(eye, position_ras, focus, strict=True)))
