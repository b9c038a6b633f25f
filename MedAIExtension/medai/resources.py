"""Where the shipped resources lie: beside the package when installed, at the top of a checkout."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from medai.errors import MissingDependencyError


@cache
def resources_folder() -> Path:
    """The folder that holds ``Models``, ``Terminologies``, ``ColorTables``, ``Documentation``."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "Resources", package.parent.parent / "Resources"):
        if (candidate / "Models").is_dir():
            return candidate
    raise MissingDependencyError(
        "MedAI's Resources folder is missing: expected beside the medai package. Reinstall MedAI."
    )


def documentation_page(name: str) -> Path:
    """A page of the documentation, by its file's name. Raises MissingDependencyError."""
    page = resources_folder() / "Documentation" / name
    if not page.is_file():
        raise MissingDependencyError(f"The page {name} is missing: reinstall MedAI.")
    return page


def user_folder() -> Path:
    """The user's own MedAI folder (added models), by the platform's convention; not made here."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "MedAI"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "MedAI"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "MedAI"
