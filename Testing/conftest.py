"""What holds for every test: random numbers are the same whatever ran before."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Seed every generator that a test may use unseeded; torch only where it is loaded already."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
