"""Tables as CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from medai.csv_text import csv_text
from medai.output import write_text
from medai.tables import Table


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a new CSV file, atomically; see ``csv_text``."""
    write_text(path, csv_text(columns, rows))


def write_table(path: Path, table: Table, result: Any) -> None:
    """Write a declared table of ``result`` as a new CSV file, atomically."""
    write_csv(path, table.headings("csv"), table.rows("csv", result))
