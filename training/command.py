"""The command line that every trainer shares: ``--config FILE [--set key=value]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from medai.errors import MedAIError
from training.config import read_config

Settings = TypeVar("Settings")


def run_trainer(settings: type[Settings], train: Callable[[Settings], Path]) -> None:
    """Read the configuration, train, print the best checkpoint; errors are one line, exit 2."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="key=value", help="overrides one key"
    )
    given = parser.parse_args()
    run_guarded(lambda: print(train(read_config(settings, given.config, given.set))))


def run_guarded(work: Callable[[], None]) -> None:
    """Run ``work``; a MedAIError becomes one line on stderr and its exit code."""
    try:
        work()
    except MedAIError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
