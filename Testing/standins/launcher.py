"""PythonSlicer, the launcher of Slicer's Python: a child that a signal ends is returned as 1."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LAUNCHER = """#!{python}
import signal, subprocess, sys
child = subprocess.Popen([{python!r}, *sys.argv[1:]])
status = child.wait()
sys.exit(1 if status < 0 else status)
"""


def write_launcher(folder: Path) -> Path:
    """Put a launcher named PythonSlicer into a folder; returns its path."""
    path = folder / "PythonSlicer"
    path.write_text(_LAUNCHER.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return path


def status_of(launcher: Path, code: str) -> int:
    """What the launcher returns for a line of Python."""
    return subprocess.run([str(launcher), "-c", code], check=False).returncode
