"""Run every benchmark: each module here has a ``main()`` that prints its figures."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import Testing.benchmarks


def run_all(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    found = [module.name for module in pkgutil.iter_modules(Testing.benchmarks.__path__)]
    for name in names or sorted(name for name in found if not name.startswith("_")):
        print(f"== {name}", flush=True)
        import_module(f"Testing.benchmarks.{name}").main()


if __name__ == "__main__":
    run_all(sys.argv[1:])
