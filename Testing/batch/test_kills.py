"""A batch that is killed loses nothing, and ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from medai import cli
from medai.batch.run import LOCK_FILE
from Testing.batch.conftest import ROOT, STUDIES, files_of

FEW = {f"Fall-{number:02d}" for number in range(1, 5)}

pytestmark = [
    pytest.mark.xdist_group("batch"),
    # The first test waits for forty studies to be done undisturbed.
    pytest.mark.timeout(2400),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the trials fork"),
]


def test_ten_kills_at_random_moments_leave_the_bytes_of_an_undisturbed_run(cohort, undisturbed):
    report = cohort.trials(cohort.list_path, cohort.folder / "killed", 10, "here")
    assert len(report["kills"]) == 10
    assert report["broken"] == []
    assert report["states"]["kept"] >= max(report["kills"])
    assert report["states"].keys() <= {"kept", "done"}, report["states"]
    assert sum(report["states"].values()) == STUDIES
    assert files_of(cohort.folder / "killed") == undisturbed


def test_the_same_on_a_dask_cluster_of_two_workers(cohort, undisturbed, monkeypatch):
    distributed = pytest.importorskip("distributed")
    for name in ("XDG_DATA_HOME", "PYTHONPATH"):
        monkeypatch.setenv(name, cohort.environment[name])
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        report = cohort.trials(
            cohort.list_path, cohort.folder / "dask", 10, cluster.scheduler_address
        )
    assert len(report["kills"]) == 10 and report["broken"] == []
    assert report["states"].keys() <= {"kept", "done"}, report["states"]
    assert sum(report["states"].values()) == STUDIES
    assert files_of(cohort.folder / "dask") == undisturbed


def test_the_same_through_a_job_queue(cohort, undisturbed, monkeypatch, capsys):
    """dask-jobqueue's own queue for tests: its job scripts run on this machine."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    from dask_jobqueue.local import LocalCluster

    monkeypatch.setattr(jobqueue, "LocalCluster", LocalCluster, raising=False)
    for name in ("XDG_DATA_HOME", "PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, cohort.environment[name])
    queue = cohort.folder / "queue.toml"
    queue.write_text(
        'cluster = "LocalCluster"\njobs = 2\n'
        '[arguments]\ncores = 1\nmemory = "2 GB"\nlog_directory = "."\n'
        '[arguments.scheduler_options]\ndashboard_address = ":0"\n'
    )
    monkeypatch.chdir(cohort.folder)
    output = cohort.folder / "queued"
    arguments = ["--task", "segment", "-o", output, "--jobqueue", queue, "--device", "cpu"]
    assert cli.run(["batch", *map(str, [few_of(cohort), *arguments])]) == 0
    assert "4 of 4 studies done" in capsys.readouterr().out
    assert files_of(output / "studies") == few_studies(undisturbed)


def test_a_dying_process_costs_one_study_and_a_dying_batch_leaves_no_process(cohort, undisturbed):
    few = few_of(cohort)
    output = cohort.folder / "processes"
    command = [
        *(sys.executable, "-m", "medai.cli", "batch", few, "--task", "segment", "-o", output),
        *("--workers", "1", "--device", "cpu"),
    ]
    batch = subprocess.Popen(command, cwd=ROOT, env=cohort.environment, stderr=subprocess.PIPE)
    kill(worker_of(batch))
    until(lambda: list((output / "studies").glob("Fall-02")))
    last = worker_of(batch)
    batch.send_signal(signal.SIGKILL)
    batch.wait()
    until(lambda: not last.is_running())
    assert not (output / "results.csv").exists()

    done = subprocess.run(
        command, cwd=ROOT, env=cohort.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "4 studies done" in done.stdout
    assert files_of(output / "studies") == few_studies(undisturbed)
    assert (output / LOCK_FILE).exists()


def few_of(cohort):
    """A list of the first studies only."""
    few = cohort.folder / "few.csv"
    few.write_text("".join(cohort.list_path.read_text().splitlines(keepends=True)[:5]))
    return few


def few_studies(files):
    """Their files, by the path in ``studies``."""
    names = {name: name.removeprefix("studies/") for name in files if name.startswith("studies/")}
    return {short: files[name] for name, short in names.items() if short.split("/")[0] in FEW}


def worker_of(batch: subprocess.Popen) -> psutil.Process:
    """The process that does the studies (multiprocessing has one more, for its own ends)."""

    def workers():
        found = []
        for child in psutil.Process(batch.pid).children():
            # One may end while it is looked at.
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    return until(workers)[0]


def kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()
        until(lambda: process.status() == psutil.STATUS_ZOMBIE)


def until(condition, seconds: float = 120.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found
