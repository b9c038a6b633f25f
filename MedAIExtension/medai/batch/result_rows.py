"""The lines of results.csv, out of the summaries that the studies' reports wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medai.errors import InputError
from medai.tables import Table
from medai.tasks import part, task_of_command


def columns_of(command: str) -> tuple[str, ...]:
    """The columns of results.csv for what ``command`` does with a study."""
    return ("number", "name", *_table(command).headings("csv"))


def rows_of(command: str, folder: Path) -> tuple[tuple[Any, ...], ...]:
    """The lines of one study, without number and name: one, or one an eye.

    Raises InputError when the summary is damaged.
    """
    file = task_of_command(command).summary_file
    try:
        summary = json.loads((folder / file).read_text(encoding="utf-8"))
        return tuple(_table(command).rows("csv", summary))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is damaged: {type(error).__name__}.") from error


def _table(command: str) -> Table:
    return part(task_of_command(command).results)
