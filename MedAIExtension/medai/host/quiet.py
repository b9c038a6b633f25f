"""Keeping VTK from writing to the user's terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_vtk_messages() -> Iterator[None]:
    """Show no VTK message inside: where failing is expected, or is told in our own words."""
    from vtkmodules.vtkCommonCore import vtkObject, vtkOutputWindow, vtkStringOutputWindow

    # The switch holds warnings and errors back, the other window what is called information.
    shown, window = vtkObject.GetGlobalWarningDisplay(), vtkOutputWindow.GetInstance()
    vtkObject.GlobalWarningDisplayOff()
    vtkOutputWindow.SetInstance(vtkStringOutputWindow())
    try:
        yield
    finally:
        vtkOutputWindow.SetInstance(window)
        vtkObject.SetGlobalWarningDisplay(shown)
