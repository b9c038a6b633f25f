"""A render window without a screen, and its picture as an array."""

from __future__ import annotations

import ctypes.util
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.errors import MissingDependencyError
from medai.host.quiet import without_vtk_messages

_MISSING = (
    "Pictures without a screen need OpenGL, and none was found: "
    "install the system packages libegl1 and libgl1-mesa-dri."
)


class OffscreenWindow:
    """One renderer in a window of ``size_px`` (rows, columns) that is never on a screen.

    Raises MissingDependencyError when no OpenGL can be had.
    """

    def __init__(self, size_px: tuple[int, int]) -> None:
        host.start()
        import vtk

        # Without a screen VTK tries X, then EGL, and warns about each that isn't there.
        with without_vtk_messages():
            self.window = vtk.vtkRenderWindow()
        if not _can_draw(self.window):
            raise MissingDependencyError(_MISSING)
        self.window.SetOffScreenRendering(1)
        # Translucent surfaces vanish under depth peeling when there are several samples a pixel.
        self.window.SetMultiSamples(0)
        self.window.SetAlphaBitPlanes(1)
        self.window.SetSize(size_px[1], size_px[0])
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)
        self._grabber = vtk.vtkWindowToImageFilter()
        self._grabber.SetInput(self.window)
        self._grabber.ReadFrontBufferOff()
        self._grabber.ShouldRerenderOff()

    def picture(self) -> NDArray[np.uint8]:
        """Draw, and return what is drawn as uint8 (rows, columns, 3)."""
        from vtkmodules.util.numpy_support import vtk_to_numpy

        self.window.Render()
        self._grabber.Modified()
        self._grabber.Update()
        image = self._grabber.GetOutput()
        columns, rows, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3)
        return np.array(pixels[::-1])

    def close(self) -> None:
        """Give back the window's memory."""
        self.window.Finalize()


def _can_draw(window: Any) -> bool:
    # VTK's last resort; drawing in it without OSMesa ends the process.
    if sys.platform != "linux" or window.GetClassName() != "vtkOSOpenGLRenderWindow":
        return True
    return ctypes.util.find_library("OSMesa") is not None
