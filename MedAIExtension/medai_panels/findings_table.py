"""A table of findings: click a row and the views go there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import qt
from slicer.i18n import translate

from medai.tables import Table, shown_number
from medai_panels.connections import Connections
from medai_panels.later import Later

# Rows seen at once, as many as lungs and zones; the rest scrolls, so that the panel below stays in
# reach.
_MOST_ROWS = 9
_ROW_PX = 24
_FRAME_PX = 6
_LEAST_COLUMN_PX = 24
_MOST_MEASURED_ROWS = 200


def panel_columns(table: Table) -> list[tuple[str, str, str]]:
    """The columns of a declared table as ``FindingsTable`` takes them, in the user's language."""
    return [
        (_translated(column.heading("panel")), _translated(column.meaning), column.format)
        for column in table.at("panel")
    ]


class FindingsTable:
    """Fills a QTableWidget; ``chosen(row)`` is called with the number of the clicked row."""

    def __init__(
        self, table: Any, columns: Sequence[tuple[str, str, str]], chosen: Callable[[int], None]
    ) -> None:
        """``columns`` are (title, what it means, number format); the format is "" for text.

        Numbers stand at the right; nan is shown as a dash.
        """
        self._formats = [number_format for _, _, number_format in columns]
        self._table = table
        self._chosen = chosen
        table.setColumnCount(len(columns))
        for index, (title, meaning, _) in enumerate(columns):
            item = qt.QTableWidgetItem(title)
            item.setToolTip(meaning)
            table.setHorizontalHeaderItem(index, item)
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        table.setWordWrap(True)
        self._header = table.horizontalHeader()
        self._header.setMinimumSectionSize(_LEAST_COLUMN_PX)
        texts = [index for index, each in enumerate(self._formats) if not each]
        for index in range(len(columns)):
            # Numbers get what they need, and texts share the rest in as many lines as they need:
            # in a narrow panel no column may lie outside.
            self._header.setSectionResizeMode(
                index,
                qt.QHeaderView.Stretch
                if index in texts or not texts
                else qt.QHeaderView.ResizeToContents,
            )
        self._connections = Connections()
        self._connections.add(table.itemSelectionChanged, self._on_selection)
        self._refit = Later(self._fit_height)
        self._connections.add(self._header.sectionResized, self._on_resized)
        self._filling = False
        self.fill(())

    def fill(self, rows: Iterable[Sequence[Any]]) -> None:
        """Show these rows instead of the ones before; nothing is chosen."""
        rows = list(rows)
        self._filling = True
        # Columns fit their content, and a cell that is replaced has them all measured again.
        self._table.setRowCount(0)
        self._table.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                self._table.setItem(row, column, _item(cell, self._formats[column]))
        # Qt moves the selection when rows go; nothing must seem chosen.
        self._table.clearSelection()
        self._fit_height()
        self._filling = False

    def choose(self, row: int) -> None:
        """Choose a row as a click does."""
        self._table.selectRow(row)

    def close(self) -> None:
        """Let go of all connections."""
        self._refit.close()
        self._connections.release()

    def _on_resized(self, *args: Any) -> None:
        if not self._filling:
            self._refit.soon()

    def _fit_height(self) -> None:
        """As high as the first rows, with the title row and a scroll bar where there is one."""
        table = self._table
        rows = table.property("rowCount")
        if self._wraps():
            table.resizeRowsToContents()
        height = sum(table.rowHeight(row) for row in range(min(rows, _MOST_ROWS))) or _ROW_PX
        bar = table.horizontalScrollBar()
        if self._header.length() > table.viewport().property("width"):
            height += bar.style().pixelMetric(qt.QStyle.PM_ScrollBarExtent)
        table.setFixedHeight(height + _ROW_PX + _FRAME_PX)

    def _wraps(self) -> bool:
        # Measuring every row takes a while; a long table has short texts.
        return "" in self._formats and self._table.property("rowCount") <= _MOST_MEASURED_ROWS

    def _on_selection(self, *args: Any) -> None:
        if self._filling:
            return
        rows = self._table.selectionModel().selectedRows()
        if rows:
            self._chosen(rows[0].row())


def _translated(words: str) -> str:
    # The collector of translations names a context after the file with the words, tables.py.
    return translate("tables", words) if words else ""


def _item(cell: Any, number_format: str) -> Any:
    if not number_format:
        return qt.QTableWidgetItem(cell)
    item = qt.QTableWidgetItem(shown_number(cell, number_format))
    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
    return item
