"""MedAI: lesion, COVID-19 and cataract inference, and how well raters agree.

``medai.segment``, ``medai.measure``, ``medai.classify``, ``medai.cataract`` and ``medai.agree``
take a path (or what it was read as) and return an ``Analysis``; see ``medai.api``. They are
imported when first used.
Everything that is not a window is in the rooms below, whose order is in the project's README.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medai.api import Analysis, agree, cataract, classify, measure, segment

__version__ = "0.1.0"
__all__ = ["Analysis", "__version__", "agree", "cataract", "classify", "measure", "segment"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("medai.api"), name)
    raise AttributeError(f"module 'medai' has no attribute {name!r}")
