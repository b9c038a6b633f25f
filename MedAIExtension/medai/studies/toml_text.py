"""Writing TOML: the standard library reads it and does not write it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def toml_text(document: Mapping[str, Any]) -> str:
    """``document`` as TOML text that ``tomllib.loads`` reads back equal.

    Values are str, bool, int, finite float, lists of these, mappings, and lists of mappings.
    Raises TypeError on anything else, ValueError on a float that is not finite.
    """
    lines: list[str] = []
    _write_table(document, (), lines)
    return "\n".join(lines).strip() + "\n"


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    # Plain values first: in TOML whatever follows a [header] belongs to it.
    for key, value in table.items():
        if not _is_table(value) and not _is_tables(value):
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in table.items():
        inner = (*path, key)
        header = ".".join(map(_key, inner))
        if _is_table(value):
            lines += ["", f"[{header}]"]
            _write_table(value, inner, lines)
        elif _is_tables(value):
            for entry in value:
                lines += ["", f"[[{header}]]"]
                _write_table(entry, inner, lines)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return is_list and len(value) > 0 and all(isinstance(entry, Mapping) for entry in value)


def _key(key: str) -> str:
    bare = key != "" and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else _string(key)


def _string(text: str) -> str:
    # A TOML basic string is a JSON string, except that DEL must be escaped as well.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} can't be written as TOML here: expected a finite number.")
        return repr(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"A {type(value).__name__} can't be written as TOML.")
