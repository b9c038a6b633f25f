"""A table declared once: its columns with title, unit, format and meaning, for every place.

One table serves the CSV file, the report's page, the table node of the scene and the panel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Place = Literal["csv", "page", "node", "panel"]
EVERYWHERE: frozenset[Place] = frozenset({"csv", "page", "node", "panel"})


def translatable(words: str) -> str:
    """Mark words that a panel translates when it shows them, for the collector of translations."""
    return words


@dataclass(frozen=True)
class Column:
    """One column.

    key: its name in CSV and JSON, with the unit: ``volume_ml``. title, unit: its name for people,
    "volume (mL)". format: of its numbers, as of ``format``: "d" for whole numbers, "" for text.
    meaning: one sentence, the panel's tooltip.
    value: what stands in a row, from the item that the row is about; default: the item's attribute
        (or key) ``key``.
    places: where it is shown. headings: what it is called where that is not title and unit.
    """

    key: str
    title: str
    unit: str = ""
    format: str = ""
    meaning: str = ""
    value: Callable[[Any], Any] | None = None
    places: frozenset[Place] = EVERYWHERE
    headings: Mapping[Place, str] = field(default_factory=dict)

    def of(self, item: Any) -> Any:
        """What stands in this column in the row of ``item``."""
        if self.value is not None:
            return self.value(item)
        return item[self.key] if isinstance(item, Mapping) else getattr(item, self.key)

    def heading(self, place: Place) -> str:
        """What the column is called there."""
        usual = f"{self.title} ({self.unit})" if self.unit else self.title
        return self.headings.get(place, self.key if place == "csv" else usual)


@dataclass(frozen=True)
class Table:
    """Columns in order, and the items of a result that the rows are about.

    order: the keys that come first at a place, where that is not the columns' order.
    """

    items: Callable[[Any], Iterable[Any]]
    columns: tuple[Column, ...]
    order: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)

    def at(self, place: Place) -> tuple[Column, ...]:
        """The columns that are shown at a place, in its order."""
        shown = [column for column in self.columns if place in column.places]
        first = self.order.get(place, ())
        rank = {key: number for number, key in enumerate(first)}
        return tuple(sorted(shown, key=lambda column: rank.get(column.key, len(first))))

    def headings(self, place: Place) -> tuple[str, ...]:
        """What the columns are called at a place."""
        return tuple(column.heading(place) for column in self.at(place))

    def rows(self, place: Place, result: Any) -> list[tuple[Any, ...]]:
        """A row for each item of ``result``, as it is shown at a place."""
        columns = self.at(place)
        return [tuple(column.of(item) for column in columns) for item in self.items(result)]

    def records(self, result: Any) -> list[dict[str, Any]]:
        """The rows of the CSV file as plain data by key."""
        keys = self.headings("csv")
        return [dict(zip(keys, row, strict=True)) for row in self.rows("csv", result)]


def shown_number(value: Any, number_format: str) -> str:
    """A number as a panel shows it; nan and None are a dash."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "–" if missing else format(value, number_format)
