"""Studies a minute of ``medai batch`` against the number of its processes.

``python -m Testing.benchmarks.batch``. Each process computes with one thread, so ideal is as many
times as fast as there are processes, up to the machine's processors; each starts Python and loads
PyTorch once, which is measured apart.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from medai.batch import Batch, read_list, run_batch
from medai.batch.processes import run_in_processes
from medai.cancellation import never_cancelled
from medai.images import write_volume
from medai.models import ModelStore
from medai.phantoms import chest_ct
from medai.progress import ignore_progress

STUDIES = 8
SHAPE = (40, 192, 192)


def seconds_of(folder: Path, listed: Path, workers: int, name: str) -> float:
    """Wall-clock seconds of a whole batch."""
    started = time.perf_counter()
    outcomes = run_batch(
        Batch("segment", folder / name, device="cpu"),
        read_list(listed, "segment"),
        lambda requests: run_in_processes(requests, workers, never_cancelled),
        ignore_progress,
    )
    assert all(outcome.state == "done" for outcome in outcomes), outcomes
    return time.perf_counter() - started


def main() -> None:
    """Print throughput and its ratio to one process."""
    if not ModelStore().cards("lesions"):
        print("No lesion model is shipped here: nothing to measure.")
        return
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        spacing_mm = (300.0 / SHAPE[0], 390.0 / SHAPE[1], 390.0 / SHAPE[2])
        volume = chest_ct(shape=SHAPE, spacing_mm=spacing_mm, seed=3).volume
        write_volume(volume, folder / "ct.nrrd")
        (folder / "one.csv").write_text("study\nct.nrrd\n")
        (folder / "all.csv").write_text("study\n" + "ct.nrrd\n" * STUDIES)
        alone = seconds_of(folder, folder / "one.csv", 1, "one")
        print(f"{STUDIES} chest CTs of {'×'.join(map(str, SHAPE))}, {cores} processors;")
        print(f"one study in a new process, start included: {alone:.1f} s")
        base = 0.0
        for workers in (n for n in (1, 2, 4, 8) if n <= max(2, cores)):
            taken = seconds_of(folder, folder / "all.csv", workers, f"with-{workers}")
            base = base or taken
            target = 0.7 * min(workers, cores)
            verdict = "" if workers == 1 else "met" if base / taken >= target else "MISSED"
            print(
                f"{workers} processes: {STUDIES * 60 / taken:6.1f} studies/min, "
                f"{base / taken:.2f}x   target {target if workers > 1 else 1:.2g}x {verdict}"
            )


if __name__ == "__main__":
    main()
