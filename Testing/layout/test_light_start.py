"""What starts quickly must not load what is slow: networks, charts, the scene."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "matplotlib", "scipy", "SimpleITK", "pydicom", "vtk")
MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "ChestXray",
    "RaterAgreement",
)


def loaded_by(code: str) -> list[str]:
    """The heavy libraries that a new process has loaded after running ``code``."""
    end = f"\nimport json, sys\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code + end], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("words", [["--help"], ["segment", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert loaded_by(f"from medai import cli\nassert cli.run({words!r}) == 0") == []


def test_the_list_of_tasks_loads_nothing_heavy() -> None:
    assert loaded_by("from medai.tasks import TASKS\nassert len(TASKS) >= 4") == []


def test_no_panel_loads_torch() -> None:
    pytest.importorskip("slicer")
    code = (
        "from Testing.standins import install, load_module\n"
        f"install()\nfor name in {MODULES!r}:\n    load_module(name)\n"
    )
    assert not {"torch", "torchvision", "matplotlib"} & set(loaded_by(code))
