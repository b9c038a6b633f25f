"""The command line that every trainer shares: ``--config FILE [--set key=value]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from medai.errors import MedAIError
from training.config import read_config

Settings = TypeVar("Settings")


def run_trainer(
    settings: type[Settings],
    train: Callable[[Settings], Path],
    check: Callable[[Settings], dict[str, Any]] | None = None,
    judge: Callable[[Settings], dict[str, Any]] | None = None,
) -> None:
    """Read the configuration, train, print the best checkpoint; errors are one line, exit 2.

    With ``--check`` nothing is trained: what ``check`` understood of the data is printed as JSON.
    With ``--judge`` the run's best checkpoint is judged instead: JSON, also in ``judged.json``
    beside the checkpoint.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--config", type=Path, required=True, help="a file of training/configs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="key=value", help="overrides one key"
    )
    instead = parser.add_mutually_exclusive_group()
    if check is not None:
        instead.add_argument(
            "--check", action="store_true", help="print what is understood of the data, as JSON"
        )
    if judge is not None:
        instead.add_argument(
            "--judge", action="store_true", help="judge the best checkpoint of the run, as JSON"
        )
    given = vars(parser.parse_args())

    def work() -> None:
        read = read_config(settings, given["config"], given["set"])
        if check is not None and given["check"]:
            print(_json(check(read)))
        elif judge is not None and given["judge"]:
            print(write_judged(judge(read), read.output))  # type: ignore[attr-defined]
        else:
            print(train(read))

    run_guarded(work)


def write_judged(judged: dict[str, Any], run: Path) -> str:
    """Write ``judged.json`` into the folder of a run; returns its text."""
    from medai.output import write_text

    text = _json(judged)
    write_text(run / "judged.json", text + "\n", overwrite=True)
    return text


def _json(data: dict[str, Any]) -> str:
    from medai.reports.json_text import json_text

    return json_text(data)


def run_guarded(work: Callable[[], None]) -> None:
    """Run ``work``; a MedAIError becomes one line on stderr and its exit code."""
    try:
        work()
    except MedAIError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
