"""``show``: a result of any kind as nodes of the scene."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from medai.errors import InputError
from medai.scene.steps import Steps, finish
from medai.tasks import part, task_of_result


def show(result: Any, node: Any) -> Any:
    """Show a result beside the volume node that it was computed from.

    Returns the nodes, as a dataclass of the result's kind. Showing another result of the same
    volume (other thresholds, another model) updates these nodes. Raises GeometryError when the
    node no longer holds the volume that the result belongs to.
    """
    return finish(show_in_steps(result, node))


def show_in_steps(result: Any, node: Any) -> Steps[Any]:
    """As ``show``, step by step, for a window; returns the nodes."""
    task = task_of_result(result)
    if task is None or not task.show:
        raise InputError(f"A {type(result).__name__} can't be shown in the scene.")
    shown = part(task.show)(result, node)
    return (yield from shown) if isinstance(shown, Generator) else shown
