"""Opening a module's panel the way Slicer does."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

from Testing.standins.install import install

_EXTENSION = Path(__file__).resolve().parents[2] / "MedAIExtension"


def load_module(name: str) -> ModuleType:
    """Import a module's file as Slicer does at start-up, and register it under its name."""
    slicer = install()
    path = _EXTENSION / name / f"{name}.py"
    if getattr(sys.modules.get(name), "__file__", None) == str(path):
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    description = SimpleNamespace(path=str(path), name=name)
    description.module = getattr(module, name)(description)
    setattr(slicer.modules, name.lower(), description)
    return module


class Panel:
    """An open module: ``widget`` is the module's widget object, ``window`` the Qt window of it."""

    def __init__(self, name: str, width: int = 460, height: int = 1000) -> None:
        slicer = install()
        module = load_module(name)
        self.window = slicer.qSlicerScriptedLoadableModuleWidget()
        self.window.setMRMLScene(slicer.mrmlScene)
        self.window.resize(width, height)
        self.widget = getattr(module, f"{name}Widget")(self.window)
        self.widget.setup()
        self.window.show()
        self.window.isEntered = True
        self.widget.enter()
        self.is_open = True
        self.wait()

    @property
    def ui(self):
        return self.widget.ui

    @property
    def logic(self):
        return self.widget.logic

    def wait(self, until=None, seconds: float = 60.0) -> bool:
        """Let events happen: once, or until ``until()`` is true; false when time runs out."""
        import qt

        end = time.monotonic() + seconds
        while True:
            qt.QApplication.processEvents()
            if until is None or until():
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.005)

    def grab(self, path: Path | str, width: int | None = None) -> None:
        """Save a picture of the panel (PNG), as high as it needs to be if ``width`` is given."""
        if width is not None:
            self.window.resize(width, self.window.heightForWidth(width))
        # Tables fit their height to the new width a moment later.
        end = time.monotonic() + 0.2
        self.wait(until=lambda: time.monotonic() > end)
        if width is not None:
            self.window.resize(width, self.window.heightForWidth(width))
        self.wait()
        self.window.grab().save(str(path))

    def close(self) -> None:
        """What Slicer does when the module goes."""
        self.is_open = False
        self.window.isEntered = False
        self.widget.exit()
        self.widget.cleanup()
        self.window.close()
        self.window.deleteLater()
        self.wait()


def open_panel(name: str, width: int = 460, height: int = 1000) -> Panel:
    """Select the module ``name``: its panel is set up, entered and shown (off screen)."""
    return Panel(name, width, height)
