"""Model cards, and the store that finds, verifies, loads and adds models."""

from __future__ import annotations

from medai.models.card import ModelCard, read_card
from medai.models.model import Model
from medai.models.store import ModelStore

__all__ = ["Model", "ModelCard", "ModelStore", "read_card"]
