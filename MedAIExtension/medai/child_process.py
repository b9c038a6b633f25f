"""Starting other programs so that nothing in the current folder is run by mistake.

Python, and Windows for programs without a path, look into the current folder first: a ``json.py``
in a folder of studies that people share would run in everybody's process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path


def safe_environment(paths: Iterable[Path] = ()) -> dict[str, str]:
    """This process' environment for a Python child that imports nothing from its working folder.

    paths: folders to import from, before those of ``PYTHONPATH``; of these only absolute ones are
    kept, since any other counts from the working folder.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [str(path) for path in paths] + [path for path in given if Path(path).is_absolute()]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if kept:
        environment["PYTHONPATH"] = os.pathsep.join(kept)
    return environment | {"PYTHONSAFEPATH": "1"}


def system_program(name: str) -> str:
    """The full path of one of Windows' own programs, such as ``taskkill.exe``."""
    if sys.platform != "win32":
        raise ValueError(f"{name}: only Windows keeps its programs in one folder.")
    import ctypes

    room = ctypes.create_unicode_buffer(260)
    ctypes.windll.kernel32.GetSystemDirectoryW(room, len(room))
    return str(Path(room.value) / name)
