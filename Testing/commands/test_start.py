"""How ``medai`` starts where its libraries are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import medai
from medai.cli import run

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


def test_the_version_alone_is_answered(capsys):
    assert run(["--version"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"{medai.__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["models"], ["study"]])
def test_no_command_shows_the_help_and_nothing_else(words, capsys):
    assert run(words) == 2
    said = capsys.readouterr()
    assert "Usage: medai" in said.out + said.err and "See medai --help" not in said.err


@pytest.mark.parametrize("empty", ["", " "])
def test_an_output_folder_without_a_name_is_one_line(empty, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["segment", "missing.nrrd", "-o", empty]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--output" in line and "expected a path" in line
    assert list(tmp_path.iterdir()) == []
