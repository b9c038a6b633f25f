"""A small chest phantom, and a place for models."""

from __future__ import annotations

from pathlib import Path

import pytest

from medai.models import ModelStore
from medai.phantoms import ChestPhantom, chest_ct


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder that ``store`` looks in."""
    return tmp_path / "Models"


@pytest.fixture
def store(models: Path) -> ModelStore:
    """A store of the test's own models."""
    return ModelStore([models])


@pytest.fixture(scope="session")
def chest() -> ChestPhantom:
    """A small chest with lesions."""
    return chest_ct(shape=(24, 96, 96), spacing_mm=(12.0, 4.0, 4.0), seed=3)
