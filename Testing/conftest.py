"""What holds for every test: random numbers are the same whatever ran before."""

from __future__ import annotations

import os
import random
import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="session")
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a person keeps, such as keys, goes into a folder of the tests' own."""
    folder = str(tmp_path_factory.mktemp("settings"))
    os.environ.update({"XDG_DATA_HOME": folder, "APPDATA": folder})


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Seed every generator that a test may use unseeded; torch only where it is loaded already."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
