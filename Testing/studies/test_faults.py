"""Crashes, full disks, read-only folders and two raters at once lose nothing."""

import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medai.errors import OutputError
from medai.images import read_volume
from medai.studies import (
    AUTOSAVE_SECONDS,
    Remarks,
    Study,
    check_study,
    open_drafts,
    read_mask,
    start_session,
)
from medai.studies.submissions import rater_records

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "MedAIExtension")])

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def trial(*arguments: str) -> Any:
    """What the program of crash trials answers."""
    program = Path(__file__).with_name("crash_trials.py")
    # HOME is the test's own: what is rescued on this computer stays out of the real one.
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        timeout=1100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_fork
def test_raters_killed_at_200_random_moments_lose_nothing() -> None:
    # Four at a time: most of a trial is waiting for the disk.
    with ThreadPoolExecutor(4) as threads:
        wrong = threads.map(lambda seed: trial("kill", "50", str(seed)), range(4))
    assert [fault for faults in wrong for fault in faults] == []


@needs_fork
def test_two_processes_that_submit_as_one_rater_both_keep_everything() -> None:
    assert trial("together", "2", "15") == {"failed": 0, "lost": 0, "unsound": 0}


@needs_fork
def test_a_disk_that_lets_no_file_grow_is_said_and_the_draft_stays() -> None:
    left = trial("full")
    assert [line.partition(":")[0] for line in left["said"]] == ["OutputError", "OutputError"]
    assert all("Can't write" in line and "large" in line for line in left["said"])
    assert left["draft"] == 1
    assert left["findings"] == []


@needs_fork
def test_a_read_only_study_opens_for_analysis_and_says_why_nothing_is_saved() -> None:
    answer = trial("read-only")
    assert answer["analysed"] == [2]
    assert answer["sound"]
    assert "OutputError" in answer["said"]
    assert "not writable" in answer["said"]


@pytest.mark.parametrize("step", range(8))
def test_a_disk_that_is_full_at_any_step_damages_nothing(
    study: Study, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    volume = read_volume(study.image_path("case-1"))
    session = start_session(study, "AB", "case-1", 1, volume)
    outline = {"lesion": np.eye(8, dtype=np.uint8)[None]}
    session.save_draft(outline, Remarks())
    calls = 0
    fsync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > step:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        said = ""
        try:
            session.submit(outline, Remarks())
        except OutputError as error:
            said = str(error)
    assert check_study(study).is_sound
    kept = [*rater_records(study, "AB"), *open_drafts(study, "AB")]
    assert kept
    assert np.array_equal(read_mask(study, kept[0]).mask("lesion"), outline["lesion"])
    if calls > step:
        assert "the disk is full" in said
    else:
        assert said == ""


def test_the_autosave_leaves_room_within_30_seconds() -> None:
    assert AUTOSAVE_SECONDS <= 25
