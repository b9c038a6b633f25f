"""``show``: a result of any kind as nodes of the scene."""

from __future__ import annotations

import importlib
from functools import singledispatch
from typing import Any

from medai.errors import InputError

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
    name = type(result).__name__
    if name in _SHOWN_BY:
        importlib.import_module(f"medai.scene.{_SHOWN_BY[name]}")
    return show_result(result, node)


@singledispatch
def show_result(result: Any, node: Any) -> Any:
    """How one kind of result is shown; its file registers it here."""
    raise InputError(f"A {type(result).__name__} can't be shown in the scene.")
