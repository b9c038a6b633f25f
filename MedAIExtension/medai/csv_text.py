"""Tables as CSV text that any program reads: comma, point, UTF-8, full precision."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

# What makes a spreadsheet take a cell for a formula, in the widths of East Asian keyboards too.
_FORMULA = re.compile(r"[\s\x00-\x1f\u200b-\u200f\u202a-\u202e\u2060\ufeff]*[=+\-@＝＋－＠]")
_BREAKS = ("\t", "\r", "\n")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """One header line of ``columns``, then a line a row; nan and None become empty cells.

    Cells and column names that a spreadsheet would run as a formula get a leading apostrophe.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return stream.getvalue()


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return repr(float(value))
    if not isinstance(value, str):
        return str(value)
    # A file name that isn't valid text holds what no UTF-8 file can.
    text = value.encode("utf-8", "replace").decode().replace("\0", "")
    # A lone carriage return would end the row, and what follows would start a cell.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    runs = text.startswith(_BREAKS) or (_FORMULA.match(text) and not _is_number(text))
    return "'" + text if runs else text


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", text) is not None
