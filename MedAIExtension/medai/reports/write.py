"""The one door: any result into a folder of its own."""

from __future__ import annotations

from functools import singledispatch
from importlib import import_module
from pathlib import Path
from typing import Any

from medai.output import atomic_folder, write_text
from medai.reports.json_text import json_text

# Result type's module -> the report that knows it; imported when such a result comes.
_REPORTS = {
    "medai.inference.lesions.result": "medai.reports.lesions",
    "medai.inference.covid.assessment": "medai.reports.covid",
    "medai.inference.cataract.result": "medai.reports.cataract",
    "medai.agreement.cohort": "medai.reports.agreement",
}

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
    module = _REPORTS.get(type(result).__module__)
    if module is not None:
        import_module(module)
    write_result(result, folder)


@singledispatch
def write_result(result: Any, folder: Path) -> None:
    """Write one type of result; each report module registers its own."""
    raise TypeError(f"{type(result).__name__} is not a result that reports know.")


def write_timing(folder: Path, seconds: float) -> None:
    """Write how long the networks took, apart from what was found."""
    write_text(folder / TIMING_FILE, json_text({"seconds": seconds}) + "\n")
