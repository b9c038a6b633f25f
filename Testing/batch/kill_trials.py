"""A program of its own that kills batches while they run, for ``test_kills``.

``python -m Testing.batch.kill_trials LIST OUT KILLS here|tcp://…``. It forks, so that a trial
costs milliseconds: every child goes on with the same batch, in its own process or on a Dask
cluster, until it is killed; the last one may end. Prints as JSON how many studies were there at
each kill, which results were then broken, and how the last run's studies ended.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

# Imported before the forks, so that no child pays for it.
import medai.inference.lesions.segmentation
import medai.inference.lesions.slice_networks
import medai.networks
import medai.reports.lesions  # noqa: F401
from medai.batch import Batch, read_list, run_batch
from medai.batch.finished import MANIFEST_FILE
from medai.batch.one_study import run_study
from medai.cancellation import never_cancelled
from medai.progress import ignore_progress
from medai.studies.hashes import file_sha256


def run(list_path: Path, output: Path, where: str) -> Counter[str]:
    """The whole batch; how many studies were done, kept, or failed for which reason."""
    listed, batch = read_list(list_path, "segment"), Batch("segment", output, device="cpu")
    if where == "here":
        outcomes = run_batch(
            batch, listed, lambda requests: map(run_study, requests), ignore_progress
        )
    else:
        from medai.batch.cluster import run_on_cluster, scheduler_client

        with scheduler_client(where) as client:
            outcomes = run_batch(
                batch,
                listed,
                lambda requests: run_on_cluster(requests, client, never_cancelled),
                ignore_progress,
            )
    return Counter(outcome.reason or outcome.state for outcome in outcomes)


def finished(output: Path) -> list[Path]:
    """The result folders that are in place."""
    return sorted(path for path in (output / "studies").glob("[!.]*") if path.is_dir())


def broken(folder: Path) -> bool:
    """Whether a result folder that is in place isn't whole."""
    try:
        files = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["files"]
        return not files or any(file_sha256(folder / name) != sha for name, sha in files.items())
    except (OSError, ValueError):
        return True


def kill_at(target: int, delay: float, output: Path, child: int) -> int:
    """Kill ``child`` a moment after ``target`` studies are there; how many there were."""
    while len(finished(output)) < target:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the batch ended before it was killed"
        time.sleep(0.03)
    time.sleep(delay)
    count = len(finished(output))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return count


def main() -> None:
    list_path, output, kills, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    if where != "here":
        import distributed  # noqa: F401
    rng = random.Random(5)
    studies = len(read_list(list_path, "segment"))
    counts, bad = [], []
    for target in sorted(rng.sample(range(studies - 2), int(kills))):
        child = os.fork()
        if child == 0:
            try:
                run(list_path, output, where)
            finally:
                os._exit(1)
        counts.append(kill_at(target, rng.uniform(0, 0.2), output, child))
        bad += [folder.name for folder in finished(output) if broken(folder)]
    print(json.dumps({"kills": counts, "broken": bad, "states": run(list_path, output, where)}))


if __name__ == "__main__":
    main()
