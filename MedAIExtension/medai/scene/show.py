"""``show``: a result of any kind as nodes of the scene."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from functools import singledispatch
from typing import Any

from medai.errors import InputError
from medai.scene.steps import Steps, finish

# Result classes by name -> the file of this room that registers how they are shown. Loaded when
# first met, so that showing one kind of result doesn't load what the others need.
_SHOWN_BY = {
    "LesionResult": "lesions",
    "CovidAssessment": "covid",
    "CataractResult": "cataract",
}


def show(result: Any, node: Any) -> Any:
    """Show a result beside the volume node that it was computed from.

    Returns the nodes, as a dataclass of the result's kind. Showing another result of the same
    volume (other thresholds, another model) updates these nodes. Raises GeometryError when the
    node no longer holds the volume that the result belongs to.
    """
    return finish(show_in_steps(result, node))


def show_in_steps(result: Any, node: Any) -> Steps[Any]:
    """As ``show``, step by step, for a window; returns the nodes."""
    name = type(result).__name__
    if name in _SHOWN_BY:
        importlib.import_module(f"medai.scene.{_SHOWN_BY[name]}")
    shown = show_result(result, node)
    return (yield from shown) if isinstance(shown, Generator) else shown


@singledispatch
def show_result(result: Any, node: Any) -> Any:
    """How one kind of result is shown; its file registers it here.

    Gives the nodes, or the steps that return them.
    """
    raise InputError(f"A {type(result).__name__} can't be shown in the scene.")
