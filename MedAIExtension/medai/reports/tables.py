"""Tables as CSV files that any program reads: comma, point, UTF-8, full precision."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from medai.output import write_text
from medai.tables import Table


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """One header line of ``columns``, then a line a row; nan and None become empty cells.

    Cells that a spreadsheet would run as a formula are quoted with a leading apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return stream.getvalue()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a new CSV file, atomically."""
    write_text(path, csv_text(columns, rows))


def write_table(path: Path, table: Table, result: Any) -> None:
    """Write a declared table of ``result`` as a new CSV file, atomically."""
    write_csv(path, table.headings("csv"), table.rows("csv", result))


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    if isinstance(value, float):
        return repr(float(value))
    return str(value)
