"""Mutated files against their reader, in a process of its own with limits.

``python -m Testing.fuzz.attack FORMAT FIRST COUNT FOLDER`` is that process; ``attack`` starts it,
and goes on behind a file that ends it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEMORY_BYTES = 2 * 2**30
CPU_SECONDS = 10.0


@dataclass(frozen=True)
class Finding:
    """A file that did what no file may: mutated(seeds, number) of a format."""

    format: str
    number: int
    problem: str


def attack(name: str, first: int, count: int) -> list[Finding]:
    """Read the mutated files ``first`` … of a format; what was wrong, each place once."""
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        at, end = first, first + count
        while at < end:
            log = folder / "log"
            with log.open("wb") as stderr:
                done = subprocess.run(
                    [
                        *(sys.executable, "-m", "Testing.fuzz.attack"),
                        *(name, str(at), str(end - at), temporary),
                    ],
                    cwd=ROOT,
                    env=_environment(),
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    check=False,
                )
            findings += [Finding(**json.loads(line)) for line in done.stdout.splitlines()]
            if done.returncode == 0:
                break
            reached = folder / "number"
            if not reached.exists():
                raise RuntimeError(log.read_text(errors="replace")[-3000:])
            at = int(reached.read_text())
            reached.unlink()
            findings.append(Finding(name, at, _why_it_ended(done.returncode)))
            at += 1
    unique = {finding.problem: finding for finding in reversed(findings)}
    return sorted(unique.values(), key=lambda finding: finding.number)


def _environment() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "MedAIExtension")])
    return os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def _why_it_ended(status: int) -> str:
    if status == -signal.SIGPROF:
        return f"took over {CPU_SECONDS:g} s"
    return f"ended the process: {signal.Signals(-status).name if status < 0 else status}"


def _read_all(name: str, first: int, count: int, folder: Path) -> None:
    import resource

    from medai.errors import MedAIError
    from Testing.fuzz.formats import FORMATS
    from Testing.fuzz.mutations import mutated

    kind = FORMATS[name]
    valid = folder / "valid"
    valid.mkdir(exist_ok=True)
    seeds = kind.seeds(valid)
    path = folder / kind.name
    for seed in seeds:
        # Loads every library, and shows that the damage is what makes the difference.
        path.write_bytes(seed)
        kind.read(path)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers = os.dup(1)
    os.dup2(2, 1)
    gc.freeze()
    for number in range(first, first + count):
        # What the last file left in circles doesn't count against this one.
        gc.collect()
        path.write_bytes(mutated(seeds, number))
        (folder / "number").write_text(str(number))
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        problem = ""
        try:
            kind.read(path)
        except MedAIError as error:
            problem = _problem_of(error)
        except BaseException as error:
            problem = _told(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if problem:
            line = json.dumps(asdict(Finding(name, number, problem)))
            os.write(answers, line.encode() + b"\n")


def _problem_of(error: BaseException) -> str:
    """What is wrong with a typed error, "" for nothing."""
    text = str(error)
    if not text or "\n" in text or len(text) > 2000:
        return f"{type(error).__name__} is not one line: {text[:60]!r}"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, MemoryError):
            return f"asked for over 2 GB: {_told(inner)}"
        inner = inner.__cause__ or inner.__context__
    return ""


def _told(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "medai" in f.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:60]}"


if __name__ == "__main__":
    _read_all(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
