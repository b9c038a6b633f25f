"""Progress is seen: a bar on a terminal at once, lines where the output goes into a file."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medai.commands import console
from medai.images import write_volume
from medai.phantoms import chest_ct
from medai.progress import Progress

FIRST_WITHIN_S = 2.0


def test_a_log_gets_a_line_in_every_interval_even_while_a_step_reports_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "LINE_EVERY_S", 0.05)
    with console.running("Reading") as (report, _):
        lines = printed_lines(capsys, 2)
        report(Progress(0.42, "Finding the\nlungs"))
        later = printed_lines(capsys, 3)
    assert lines[:2] == ["0% Reading"] * 2
    assert later[-1] == "42% Finding the lungs"


def printed_lines(capsys: pytest.CaptureFixture[str], count: int) -> list[str]:
    """At least ``count`` further lines of standard error, as soon as they are there."""
    text = ""
    while text.count("\n") < count:
        time.sleep(0.01)
        said = capsys.readouterr()
        assert said.out == ""
        text += said.err
    return text.splitlines()


def test_a_short_run_says_nothing_into_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with console.running("Reading") as (report, _):
        report(Progress(0.5, "Half"))
    assert capsys.readouterr().err == ""


def test_the_interval_is_at_most_ten_seconds() -> None:
    assert console.LINE_EVERY_S <= 10.0


def processor_time_s(process: int) -> float:
    """User and system time of a running process, as Linux counts it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the time of another process")
def test_a_terminal_sees_progress_before_anything_slow(tmp_path: Path) -> None:
    study = tmp_path / "chest.nrrd"
    write_volume(chest_ct(shape=(12, 64, 64), spacing_mm=(24.0, 5.4, 5.4)).volume, study)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "medai", "segment", str(study), "-o", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        seen, used = b"", 0.0
        while not re.search(rb"\d%", seen):
            part = os.read(ours, 4096)
            used = processor_time_s(process.pid)
            seen += part
        process.kill()
    os.close(ours)
    assert b"Reading" in seen
    assert used < FIRST_WITHIN_S
