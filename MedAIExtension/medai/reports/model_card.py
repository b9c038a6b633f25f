"""A model's card as part of a report."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from medai.models import ModelCard
from medai.models.card import TrainingSection
from medai.reports.page import Page


def add_model_card(page: Page, card: ModelCard) -> None:
    """Add the card: its line, then every section of it, so that nobody has to look it up."""
    page.heading("Model")
    page.sentence(card.summary)
    rows = list(_rows("", card))
    page.table(("card", ""), rows)


def _rows(prefix: str, part: Any) -> Any:
    for field in fields(part):
        value = getattr(part, field.name)
        if field.name == "text":  # the card's file as it is; its fields are listed one by one
            continue
        name = f"{prefix}{field.name}".replace("_", " ")
        if isinstance(part, TrainingSection) and field.name == "patients" and value == 0:
            yield name, "not stated"
        elif is_dataclass(value):
            yield from _rows(f"{name}: ", value)
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            for item in value:
                yield name, ", ".join(f"{f.name} {getattr(item, f.name)}" for f in fields(item))
        elif value not in (None, "", (), {}):
            text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
            yield name, text
