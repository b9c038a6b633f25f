"""Any result into a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medai.output import atomic_folder, write_text
from medai.reports.json_text import json_text
from medai.tasks import part, task_of_result

# The one file of a result that differs when the same study is run again.
TIMING_FILE = "timing.json"


def write(result: Any, folder: Path, *, overwrite: bool = False) -> Path:
    """Write everything about ``result`` into ``folder`` and return it.

    The folder appears whole or not at all; one that already holds files is an OutputError unless
    ``overwrite``. Raises TypeError for an object that is no result.
    """
    folder = Path(folder)
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        write_files(result, temporary)
    return folder


def write_files(result: Any, folder: Path) -> None:
    """Write the files of ``result`` into an existing folder, for callers that add their own."""
    task = task_of_result(result)
    if task is None:
        raise TypeError(f"{type(result).__name__} is not a result that reports know.")
    part(task.write)(result, folder)


def write_timing(folder: Path, seconds: float) -> None:
    """Write how long the networks took, apart from what was found."""
    write_text(folder / TIMING_FILE, json_text({"seconds": seconds}) + "\n")
