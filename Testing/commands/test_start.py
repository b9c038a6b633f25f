"""How ``medai`` starts where its libraries are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import medai

# Makes every import of the command line's libraries fail, as after a plain ``pip install .``.
_WITHOUT = """
import importlib.abc, runpy, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("typer", "rich", "click", "torch", "SimpleITK"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
def find_spec(name, package=None):
    try:
        return found(name, package)
    except ModuleNotFoundError:
        return None
importlib.util.find_spec = find_spec
sys.argv = ["medai", "--help"]
runpy.run_module("medai", run_name="__main__")
"""


def test_without_its_libraries_one_line_says_what_to_install():
    package = Path(medai.__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package)},
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("medai: ") and "pip install '.[app]'" in line
