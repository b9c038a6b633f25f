"""PySide6 made to look like PythonQt, so that a panel can be run the way Slicer shows it Qt.

Every widget is handed out behind a proxy: Qt properties are values, not methods; setting what isn't
there raises; a class recognises its exact instances only; enums are plain ints; lists come back as
tuples; ``clicked`` brings its argument. A proxy can't show what PythonQt's wrappers lack, so the
real PythonQt has the last word.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from PySide6 import QtCore

_EXTENSION = Path(__file__).resolve().parents[2] / "MedAIExtension"
_SIMPLE = (str, bytes, bool, int, float, type(None))


class Number(int):
    """An enum's value: an int for the panel, the enum again for PySide6."""

    original: Any

    def __new__(cls, original: enum.Enum) -> Number:
        value = original.value
        number = super().__new__(cls, value if isinstance(value, int) else 0)
        number.original = original
        return number


class Signal:
    """A signal: a slot gets what PythonQt would give it."""

    def __init__(self, signal: Any, name: str, source: Any) -> None:
        object.__setattr__(self, "_signal", signal)
        # Kept alive: another object at its address would be taken for it.
        self._source = source
        self._name = name
        self._slots: dict[Any, Callable] = _slots.setdefault((id(signal), name), {})

    def connect(self, slot: Callable) -> None:
        arguments = (False,) if self._name == "clicked" else ()
        called = lambda *given: slot(*(wrap(a) for a in given or arguments))  # noqa: E731
        self._signal.connect(called)
        self._slots[slot] = called

    def disconnect(self, slot: Callable) -> None:
        self._signal.disconnect(self._slots.pop(slot))


class Proxy:
    """An object of Qt as PythonQt shows it."""

    def __init__(self, original: Any) -> None:
        object.__setattr__(self, "_original", original)

    def __getattr__(self, name: str) -> Any:
        original = object.__getattribute__(self, "_original")
        if _is_property(original, name):
            return wrap(original.property(name))
        value = getattr(original, name)
        if isinstance(value, QtCore.SignalInstance):
            return _signals.setdefault((id(original), name), Signal(value, name, original))
        return _method(value) if callable(value) else wrap(value)

    def __setattr__(self, name: str, value: Any) -> None:
        original = object.__getattribute__(self, "_original")
        if not _is_property(original, name):
            raise AttributeError(f"{type(original).__name__} has no property {name}")
        original.setProperty(name, unwrap(value))

    def __eq__(self, other: object) -> bool:
        return unwrap(self) is unwrap(other)

    def __hash__(self) -> int:
        return id(unwrap(self))


class Class:
    """A class of Qt: calling it makes a proxy; its enums are numbers."""

    def __init__(self, original: type) -> None:
        self._original = original

    def __call__(self, *arguments: Any) -> Any:
        return wrap(self._original(*(unwrap(a) for a in arguments)))

    def __mro_entries__(self, bases: tuple) -> tuple[type, ...]:
        return (self._original,)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._original, name)
        return _method(value) if callable(value) and not isinstance(value, type) else wrap(value)

    def __instancecheck__(self, instance: object) -> bool:
        return type(unwrap(instance)) is self._original


_signals: dict[tuple[int, str], Signal] = {}
_slots: dict[tuple[int, str], dict] = {}


def wrap(value: Any) -> Any:
    """What PythonQt would hand out for a value of PySide6."""
    if isinstance(value, enum.Enum):
        return Number(value)
    if isinstance(value, list | tuple):
        return tuple(wrap(part) for part in value)
    if isinstance(value, type):
        return Class(value) if value.__module__.startswith(("PySide6", "Testing")) else value
    if isinstance(value, _SIMPLE) or not type(value).__module__.startswith(("PySide6", "Testing")):
        return value
    return Proxy(value)


def unwrap(value: Any) -> Any:
    """The value of PySide6 again."""
    if isinstance(value, Proxy | Class):
        return object.__getattribute__(value, "_original")
    if isinstance(value, Number):
        return value.original
    if isinstance(value, list | tuple):
        return type(value)(unwrap(part) for part in value)
    return value


def as_pythonqt(module: ModuleType) -> ModuleType:
    """A copy of the ``qt`` or ``ctk`` stand-in whose classes are PythonQt-like."""
    copy = ModuleType(module.__name__)
    for name, value in vars(module).items():
        if isinstance(value, type):
            setattr(copy, name, Class(value))
    return copy


def show_as_pythonqt(slicer: Any, monkeypatch: Any, *modules: str) -> None:
    """From now on in this test, the panels of these modules see Qt the PythonQt way."""
    from Testing.standins import mrml_widgets, parameter_node, widget_search

    for name in ("qt", "ctk"):
        monkeypatch.setitem(sys.modules, name, as_pythonqt(sys.modules[name]))
    for widget in mrml_widgets.WIDGETS:
        monkeypatch.setattr(slicer, widget.__name__, Class(widget))
    for function in (widget_search.childWidgetVariables, widget_search.findChildren):
        monkeypatch.setattr(slicer.util, function.__name__, _wrapping(function))
    connect = parameter_node._Wrapper.connectParametersToGui
    monkeypatch.setattr(
        parameter_node._Wrapper,
        "connectParametersToGui",
        lambda self, mapping: connect(self, {name: unwrap(w) for name, w in mapping.items()}),
    )
    # What was imported with the other Qt is imported anew, now and again after the test: undoing
    # an item that was not there takes it away.
    for name in _names_of(modules):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]


def _names_of(modules: tuple[str, ...]) -> Iterator[str]:
    """The modules' own names, and those of every file of the packages that belong to them."""
    yield from modules
    for package in [_EXTENSION / "medai_panels"] + [_EXTENSION / m / f"{m}Lib" for m in modules]:
        if package.is_dir():
            yield package.name
            yield from (f"{package.name}.{file.stem}" for file in package.glob("[!_]*.py"))


def _wrapping(function: Callable) -> Callable:
    def call(*arguments: Any, **named: Any) -> Any:
        result = function(*(unwrap(a) for a in arguments), **named)
        if hasattr(result, "__dict__") and not isinstance(result, Proxy):
            for name, value in vars(result).items():
                setattr(result, name, wrap(value))
            return result
        return wrap(result)

    return call


def _method(function: Callable) -> Callable:
    def call(*arguments: Any, **named: Any) -> Any:
        return wrap(function(*(unwrap(a) for a in arguments), **named))

    return call


def _is_property(original: Any, name: str) -> bool:
    if not isinstance(original, QtCore.QObject):
        return False
    if name == "name":
        return True
    meta = original.metaObject()
    return meta.indexOfProperty(name) >= 0
