"""Names in the order people count in."""

from __future__ import annotations

import re


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sort key by which scan 2 comes before scan 11."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
