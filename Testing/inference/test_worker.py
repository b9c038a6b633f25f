"""The inference process: freeze, crash, cancel, out of memory; afterwards the next study works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from medai.images import Volume
from medai.inference.covid.assessment import CovidChoices
from medai.inference.worker.inference_worker import Job, Worker
from Testing.model_folders import write_model

pytestmark = pytest.mark.xdist_group("worker")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "tiny", "ctnet10", ("COVID-19",), size=128, task="covid")
    return folder


@pytest.fixture(scope="module")
def shared_worker(model_folder: Path) -> Iterator[Worker]:
    worker = Worker(model_folders=[model_folder])
    yield worker
    worker.close()


def picture(seed: int = 0) -> Volume:
    grey = np.random.default_rng(seed).integers(0, 256, (1, 96, 128)).astype(np.uint8)
    return Volume(grey, np.eye(4), "", "picture")


def follow(job: Job, act: Callable[[], None] | None = None, after: float = 0.0) -> float:
    """Poll to the end; returns the longest time on the processor of one poll, in seconds."""
    started, longest = time.monotonic(), 0.0
    while not job.finished:
        before = time.thread_time()
        job.poll()
        longest = max(longest, time.thread_time() - before)
        if act is not None and time.monotonic() > started + after:
            act()
            act = None
        time.sleep(0.01)
        assert time.monotonic() < started + 120, "the job never ended"
    return longest


def classify(worker: Worker, seed: int = 0, pictures: int = 1) -> Job:
    study = tuple(picture(seed + k) for k in range(pictures))
    return worker.submit("covid", study, "tiny", CovidChoices())


def test_the_answer_is_the_one_of_the_same_function_here(
    shared_worker: Worker, model_folder: Path
) -> None:
    from medai.inference.covid.classification import classify_covid
    from medai.models import ModelStore

    job = classify(shared_worker)
    follow(job)
    here = classify_covid((picture(),), ModelStore([model_folder]).load("tiny"))
    assert job.state == "done", job.error
    there = job.result.classification
    np.testing.assert_allclose(there.probability, here.probability, atol=1e-6)
    np.testing.assert_allclose(
        there.explanation[0].astype(float), here.explanation[0].astype(float), atol=2e-3
    )


def test_the_second_study_meets_the_same_process(shared_worker: Worker) -> None:
    follow(classify(shared_worker))
    pid = shared_worker.pid
    second = classify(shared_worker, seed=5)
    follow(second)
    assert second.state == "done"
    assert shared_worker.pid == pid


def test_queued_studies_run_one_after_the_other(shared_worker: Worker) -> None:
    jobs = [classify(shared_worker, seed) for seed in range(3)]
    assert [job.state for job in jobs] == ["queued"] * 3
    follow(jobs[-1])
    assert [job.state for job in jobs] == ["done"] * 3


def test_no_poll_keeps_the_window_for_a_tenth_of_a_second(shared_worker: Worker) -> None:
    big = Volume(np.zeros((150, 512, 512), np.int16), np.eye(4), "CT", "large")
    job = shared_worker.submit("covid", big, "tiny", CovidChoices())
    longest = follow(job)
    # All zero is no CT: what counts here is how 80 MB went to the other side.
    assert job.state == "failed"
    assert "expected a CT study in Hounsfield units" in job.error
    assert longest < 0.1


def test_errors_of_the_study_come_as_their_one_line(shared_worker: Worker) -> None:
    job = shared_worker.submit("covid", (picture(),), "unknown", CovidChoices())
    follow(job)
    assert (job.state, job.result) == ("failed", None)
    assert job.error.startswith("No model named 'unknown'")


def test_the_limit_on_gpu_memory_reaches_the_process(model_folder: Path) -> None:
    limits: list[float | None] = [-1.0, None]
    worker = Worker(model_folders=[model_folder], gpu_memory_gb=lambda: limits.pop(0))
    try:
        refused, done = classify(worker), classify(worker)
        follow(done)
    finally:
        worker.close()
    assert refused.error == "GPU memory limit is -1 GB, expected more than 0."
    assert done.state == "done"


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGKILL, "out of memory"), (signal.SIGSEGV, "crashed (SIGSEGV)")],
)
def test_a_crash_is_one_sentence_and_the_next_study_works(
    shared_worker: Worker, number: signal.Signals, words: str
) -> None:
    follow(classify(shared_worker))
    job = classify(shared_worker, pictures=40)
    while job.state == "queued":
        job.poll()
    assert shared_worker.pid is not None
    os.kill(shared_worker.pid, number)
    follow(job)
    assert job.state == "failed"
    assert words in job.error
    assert "Nothing in the scene was lost" in job.error
    again = classify(shared_worker)
    follow(again)
    assert again.state == "done"


def test_fifty_cancels_at_random_moments_leave_a_working_process(shared_worker: Worker) -> None:
    random = np.random.default_rng(11)
    follow(classify(shared_worker))
    for moment in random.uniform(0.0, 0.25, 50):
        job = classify(shared_worker, pictures=60)
        started = time.monotonic()
        follow(job, job.cancel, moment)
        assert job.state == "cancelled"
        assert time.monotonic() - started < moment + 10
    last = classify(shared_worker)
    follow(last)
    assert last.state == "done"


def test_a_process_that_ignores_cancel_is_ended_with_its_children(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_process(
        tmp_path,
        monkeypatch,
        """
        import medai.inference.covid.assess as module
        def assess_covid(*args):
            import subprocess, sys, time
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            time.sleep(600)
        module.assess_covid = assess_covid
        """,
    )
    worker = Worker(model_folders=[model_folder])
    job = classify(worker)
    while job.state == "queued":
        job.poll()
        time.sleep(0.01)
    assert worker.pid is not None
    process = psutil.Process(worker.pid)
    while not process.children():
        time.sleep(0.02)
    tree = [process, *process.children()]
    follow(job, job.cancel)
    assert job.state == "cancelled"
    _gone, alive = psutil.wait_procs(tree, timeout=5)
    assert not alive
    worker.close()


def test_running_out_of_memory_halves_the_batch_and_says_so_once(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_process(
        tmp_path,
        monkeypatch,
        """
        import torch
        from medai.inference.running.batches import BatchRunner
        from medai.phantoms import chest_ct
        run = BatchRunner._succeeds
        def scarce(self, step, batch):
            def step_with_little_memory(numbers, device):
                if len(numbers) > 2:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                step(numbers, device)
            return run(self, step_with_little_memory, batch)
        BatchRunner._succeeds = scarce
        """,
    )
    from medai.phantoms import chest_ct

    phantom = chest_ct(shape=(24, 96, 96), spacing_mm=(12.0, 3.6, 3.6))
    worker = Worker(model_folders=[model_folder])
    job = worker.submit("covid", phantom.volume, "tiny", CovidChoices())
    follow(job)
    assert job.state == "done", job.error
    told = [note for note in job.result.notes if "memory ran out" in note]
    assert len(told) == 1
    worker.close()


def test_the_process_ends_when_its_parent_is_killed(model_folder: Path) -> None:
    code = f"""
    import time
    from pathlib import Path
    from medai.inference.worker.inference_worker import Worker
    worker = Worker(model_folders=[Path({str(model_folder)!r})])
    job = worker.submit("covid", (), "tiny", None)
    while not job.finished:
        job.poll()
        time.sleep(0.02)
    print(worker.pid, worker._folder, flush=True)
    time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    child = psutil.Process(int(pid))
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()
    assert not Path(folder).exists()


def test_an_idle_process_ends_by_itself_and_starts_again(model_folder: Path) -> None:
    worker = Worker(model_folders=[model_folder], idle_seconds=0.2)
    follow(classify(worker))
    assert worker.pid is not None
    process = psutil.Process(worker.pid)
    psutil.wait_procs([process], timeout=10)
    worker.poll()
    assert worker.pid is None
    again = classify(worker)
    follow(again)
    assert again.state == "done"
    worker.close()


def test_close_leaves_no_process_and_no_file(model_folder: Path) -> None:
    worker = Worker(model_folders=[model_folder])
    follow(classify(worker))
    folder, pid = worker._folder, worker.pid
    open_job = classify(worker, pictures=20)
    worker.close()
    assert open_job.state == "cancelled"
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert not folder.exists()


def patch_process(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let worker processes that start from now on run ``code`` first."""
    (folder / "sitecustomize.py").write_text(textwrap.dedent(code), encoding="utf-8")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
