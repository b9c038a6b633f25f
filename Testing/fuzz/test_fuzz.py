"""No file, however damaged, does more than raise a typed error: 300 of each format.

``make fuzz`` does the same with 10,000.
"""

from __future__ import annotations

import sys

import pytest

from Testing.fuzz.attack import attack
from Testing.fuzz.formats import FORMATS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_raises_a_typed_error_and_nothing_else(name):
    assert attack(name, 0, 300) == []
