"""Putting the stand-ins where Slicer has the real things."""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from types import ModuleType

_SUBMODULES = {
    "slicer.ScriptedLoadableModule": "scripted_module",
    "slicer.parameterNodeWrapper": "parameter_node",
    "slicer.i18n": "i18n",
}


def install() -> ModuleType:
    """Start the application on PySide6 and slicer-core, once per process; return ``slicer``."""
    if "qt" in sys.modules:
        return sys.modules["slicer"]
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _make_constants_immortal()
    from PySide6.QtWidgets import QApplication

    from medai import host

    application = QApplication.instance() or QApplication(["medai-tests"])
    application.setStyle("Fusion")
    _forget_settings()
    slicer = host.start()
    _stand_in("qt", "qt")
    _stand_in("ctk", "ctk")
    _stand_in("SampleData", "sample_data")
    widgets = importlib.import_module("Testing.standins.mrml_widgets")
    for widget in widgets.WIDGETS:
        setattr(slicer, widget.__name__, widget)
    for name, file in _SUBMODULES.items():
        setattr(slicer, name.partition(".")[2], _stand_in(name, file))
    _use_widgets(slicer)
    return slicer


def _forget_settings() -> None:
    """Start without a user's settings, and keep those of a test out of the user's."""
    from PySide6.QtCore import QCoreApplication, QSettings

    QCoreApplication.setOrganizationName("medai-tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    folder = tempfile.mkdtemp(prefix="medai-settings-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)


def _make_constants_immortal() -> None:
    """Keep Python alive in spite of a bug: PySide6 6.12 counts on None, True and False living for
    ever, as they do from Python 3.12 on. Under 3.11 each ``setToolTip`` gives back a reference to
    None that was never taken, and after some thousand calls the interpreter aborts.
    """
    if sys.version_info < (3, 12):
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


def _stand_in(name: str, file: str) -> ModuleType:
    module = importlib.import_module(f"Testing.standins.{file}")
    sys.modules[name] = module
    return module


def _use_widgets(slicer: ModuleType) -> None:
    """Replace what in ``slicer.util`` and ``slicer.app`` counts on PythonQt or a main window."""
    from Testing.standins import messages, widget_search

    for function in (
        messages.errorDisplay,
        messages.warningDisplay,
        messages.infoDisplay,
        messages.confirmOkCancelDisplay,
        messages.confirmYesNoDisplay,
        messages.showStatusMessage,
        widget_search.childWidgetVariables,
        widget_search.findChildren,
    ):
        setattr(slicer.util, function.__name__, function)
    # Errors are to be shown, as to a user; the message functions above never wait for anyone.
    slicer.app.testingEnabled = lambda: False
    slicer.app.startupCompleted = StartupCompleted()


class StartupCompleted:
    """The signal that Slicer sends when all modules are loaded; here it is, so it comes at once."""

    def connect(self, slot: Callable[[], None]) -> None:
        slot()
