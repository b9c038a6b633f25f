"""Configuration files: TOML into a dataclass, every key known, every value of the right type."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

from medai.errors import TrainingDataError

Settings = TypeVar("Settings")


def read_config(settings: type[Settings], path: Path, changes: Sequence[str] = ()) -> Settings:
    """The dataclass ``settings`` filled from the TOML file ``path`` and ``key=value`` changes.

    Keys are flat; ``changes`` win over the file. A value of a change is read as TOML, or, where it
    is not TOML, as a string. Raises TrainingDataError for a file that can't be read, an unknown
    key, a missing key without a default, or a value of another type.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingDataError(f"Can't read the configuration {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"{path} is not TOML: {error}.") from None
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise TrainingDataError(f"--set {change!r}: expected key=value.")
        values[key.strip()] = _toml_value(text.strip())
    return from_values(settings, values, str(path))


def from_values(settings: type[Settings], values: dict[str, Any], where: str) -> Settings:
    """The dataclass ``settings`` from plain ``values``; ``where`` names them in errors."""
    fields = {field.name: field for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise TrainingDataError(
            f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(fields))}."
        )
    for name, field in fields.items():
        if (
            name not in values
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ):
            raise TrainingDataError(f"{where}: the key {name!r} is missing.")
    hints = typing.get_type_hints(settings)
    return settings(**{k: _checked(v, hints[k], k, where) for k, v in values.items()})


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(value: Any, hint: Any, key: str, where: str) -> Any:
    for kind in _kinds(hint):
        origin = typing.get_origin(kind)
        if kind is type(None):
            continue
        if kind is Path and isinstance(value, str):
            return Path(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if origin is tuple and isinstance(value, list):
            inner = typing.get_args(kind)[0]
            return tuple(_checked(item, inner, key, where) for item in value)
        if origin is dict and isinstance(value, dict):
            inner = typing.get_args(kind)[1]
            return {k: _checked(v, inner, f"{key}.{k}", where) for k, v in value.items()}
        if (
            origin is None
            and isinstance(value, kind)
            and not (kind is int and isinstance(value, bool))
        ):
            return value
    raise TrainingDataError(f"{where}: {key} = {value!r}, expected {_words(hint)}.")


def _kinds(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return (hint,)


def _words(hint: Any) -> str:
    names: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        str: "text",
        bool: "true or false",
    }
    names[Path] = "a path"
    kinds = [kind for kind in _kinds(hint) if kind is not type(None)]
    names |= {tuple: "a list", dict: "a table"}
    return " or ".join(names.get(typing.get_origin(kind) or kind, str(kind)) for kind in kinds)
