"""Every import in the source, lazy ones included, read without running anything."""

from __future__ import annotations

import ast
from collections.abc import Set
from functools import cache
from pathlib import Path

EXTENSION = Path(__file__).resolve().parents[2] / "MedAIExtension"


def python_files(folder: str) -> list[Path]:
    """The source files under MedAIExtension/``folder``, sorted."""
    return sorted((EXTENSION / folder).rglob("*.py"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """The dotted names that a file imports: ``from medai.images import Volume`` gives both
    ``medai.images`` and ``medai.images.Volume``, since the source doesn't say which is a module.

    Relative imports are resolved; ``import_module("…")`` and ``find_spec`` with a literal count as
    imports and as looks respectively, so only the first is given.
    """
    package = path.relative_to(EXTENSION).with_suffix("").parts[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*above, *([node.module] if node.module else [])))
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            names.update(a.value for a in node.args[:1] if isinstance(a, ast.Constant))
    return frozenset(names)


def top_levels(names: Set[str]) -> set[str]:
    """The first part of each dotted name."""
    return {name.partition(".")[0] for name in names}


def rooms_of(names: Set[str]) -> set[str]:
    """The rooms of ``medai`` that are imported: ``medai.images.volume`` is in ``images``."""
    return {name.split(".")[1] for name in names if name.startswith("medai.")}


def _called(node: ast.Call) -> str:
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))
