"""``medai``: every task on the command line, for batch work and for machines without Slicer.

Exit status: 0 done, 1 a defect of MedAI, 2 bad input (one plain line says what), 3 a model or a
library is missing, 130 cancelled, 143 ended by the system (SIGTERM).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Annotated

import typer

import medai
from medai.errors import MedAIError
from medai.output import output_error
from medai.resources import documentation_page
from medai.tasks import TASKS

_SUMMARY = (
    "Lesions, COVID-19, cataract, clinical scores and rater agreement. Research use only; not a "
    "medical device."
)

# Command -> where it lives; a group's commands come from its typer app.
_COMMANDS = ("demo", *(task.command for task in TASKS), "batch", "doctor")
_GROUPS = ("models", "study")
# Command -> its page in the documentation; a task says its own.
PAGES = {task.command: task.page for task in TASKS} | {
    "demo": "troubleshooting.md",
    "batch": "batch-and-cluster.md",
    "doctor": "troubleshooting.md",
    "models": "model-card.md",
    "study": "rater-agreement.md",
}


def build_app() -> typer.Typer:
    """The typer application with all commands."""
    app = typer.Typer(
        help=_SUMMARY, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    for name in _COMMANDS:
        command = getattr(import_module(f"medai.commands.{name}"), name)
        app.command(name, epilog=page_line(name))(command)
    for name in _GROUPS:
        group = import_module(f"medai.commands.{name}").app
        for each in group.registered_commands:
            each.epilog = page_line(name)
        app.add_typer(group, name=name, epilog=page_line(name))
    return app


def page_line(command: str) -> str:
    """Where a command's page of the documentation lies; "" where it isn't installed."""
    try:
        return f"Page: {documentation_page(PAGES[command])}"
    except MedAIError:
        return ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with the documented exit status."""
    signal.signal(signal.SIGTERM, _end)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; every error becomes one line on stderr."""
    try:
        # Outside typer's standalone mode a typer.Exit comes back as its status.
        status = build_app()(list(arguments), prog_name="medai", standalone_mode=False)
    except MedAIError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("Cancelled.", 130)
    except MemoryError:
        return _fail("Not enough memory for this input on this machine.", 2)
    except OSError as error:
        return _fail(str(output_error(error.filename or "the output", error)), 2)
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is not None:
            # Empty where the help itself was the answer: to no command at all.
            said = usage()
            return _fail(f"{said} See medai --help.", 2) if said else 2
        return _fail(f"Defect in MedAI, please report it: {type(error).__name__}: {error}", 1)
    return int(status or 0)


def _end(number: int, frame: FrameType | None) -> None:
    """End as on an error, so that nothing half-written is left."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _print_version(asked: bool) -> None:
    if asked:
        print(medai.__version__)
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end.",
            is_eager=True,
            callback=_print_version,
        ),
    ] = False,
) -> None:
    """What holds for every command."""


def _fail(message: str, status: int) -> int:
    from medai.commands.console import print_warning

    print_warning(f"medai: {message}")
    return status


if __name__ == "__main__":
    main()
