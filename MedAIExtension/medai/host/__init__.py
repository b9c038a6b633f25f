"""A Slicer-like application on slicer-core, so that code written for Slicer runs in plain Python.

``start()`` gives the ``slicer`` module with what Slicer itself would have put there: the scene,
the application with its logic, file reading and writing, the layout's views, and the modules with
their logics. Inside Slicer nothing is started: the real application is there already.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from medai.errors import MissingDependencyError
from medai.host.quiet import without_vtk_messages

_MISSING = (
    "slicer-core is not installed, needed for scenes and 3D pictures: "
    "use Python 3.11 and install medai[slicer], or work inside 3D Slicer."
)


def start() -> ModuleType:
    """Start the application once per process, and return the ``slicer`` module.

    Later calls return at once. Takes about a second. Raises MissingDependencyError when neither
    Slicer nor slicer-core is there.
    """
    try:
        slicer = importlib.import_module("slicer")
        importlib.import_module("slicer.util")
    except ImportError as error:
        raise MissingDependencyError(_MISSING) from error
    if getattr(slicer, "mrmlScene", None) is None:
        from medai.host.application import Application

        # The logics look for files of Slicer's share folder that the wheel doesn't have.
        with without_vtk_messages():
            Application(slicer).install()
    return slicer
