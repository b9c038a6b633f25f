"""What a command says: progress on standard error, the answer on standard output."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

from medai.cancellation import CancelCallback
from medai.plain_text import one_line, plain_lines
from medai.progress import Progress, ProgressCallback
from medai.reports.json_text import json_text

# Of progress where it is written into a file.
LINE_EVERY_S = 10.0


@contextmanager
def running(title: str) -> Iterator[tuple[ProgressCallback, CancelCallback]]:
    """Yield the progress and cancel callbacks of one command.

    Progress is a bar on a terminal; elsewhere, as in a log file, a line every ten seconds. Ctrl-C
    once asks the work to stop at the next safe point; a second time ends the program.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, ask_to_stop) if in_main else None
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    try:
        if not console.is_terminal:
            with _lines_in_a_log(title) as report_line:
                yield report_line, stop.is_set
            return
        with Bar(*columns, console=console) as bar:
            task = bar.add_task(title, total=1.0)

            def report(progress: Progress) -> None:
                bar.update(
                    task, completed=progress.fraction, description=one_line(progress.message)
                )

            yield report, stop.is_set
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _lines_in_a_log(title: str) -> Iterator[ProgressCallback]:
    """Yield a callback whose latest report is printed every ``LINE_EVERY_S`` seconds."""
    latest = Progress(0.0, title)
    ended = threading.Event()

    def report(progress: Progress) -> None:
        nonlocal latest
        latest = progress

    def print_lines() -> None:
        # By the clock, not by the reports: a long step reports nothing.
        while not ended.wait(LINE_EVERY_S):
            print_warning(f"{latest.fraction:.0%} {latest.message}")

    printing = threading.Thread(target=print_lines, daemon=True)
    printing.start()
    try:
        yield report
    finally:
        ended.set()
        printing.join()


def print_answer(sentence: str, summary: dict[str, Any], *, as_json: bool) -> None:
    """Print the one-sentence answer, or with ``--json`` the summary."""
    print_text(json_text(summary) if as_json else sentence)


def print_warning(sentence: str) -> None:
    """Print one line on standard error."""
    print_text(one_line(sentence), sys.stderr)


def print_text(text: str, stream: TextIO | None = None) -> None:
    """Print text without what would move the cursor, turn the line round or be no text at all."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    print(
        plain_lines(text, indented=True).encode(encoding, "replace").decode(encoding), file=stream
    )
