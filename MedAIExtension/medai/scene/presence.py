"""Nodes that a user may have deleted: what is still there."""

from __future__ import annotations

from typing import Any


def is_present(node: Any) -> bool:
    """Whether a node is there, and in a scene."""
    return node is not None and node.GetScene() is not None


def display_of(node: Any) -> Any:
    """A displayable node's display node, made anew when it was deleted."""
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    return node.GetDisplayNode()
