"""Every example in the documentation of medai.agreement runs and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import medai.agreement

MODULES = sorted(
    module.name for module in pkgutil.iter_modules(medai.agreement.__path__, "medai.agreement.")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert failed == 0


def test_every_public_statistic_has_an_example() -> None:
    without = [
        name
        for name in medai.agreement.__all__
        if name[0].islower() and ">>>" not in (getattr(medai.agreement, name).__doc__ or "")
    ]
    assert without == []
