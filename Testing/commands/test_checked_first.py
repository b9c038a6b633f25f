"""Wrong options are answered in one line before anything heavy is loaded or a study is read."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

# Of processor time: other programs on the machine must not decide.
LONGEST_S = 1.5
HEAVY = ("torch", "torchvision", "slicer", "SimpleITK", "pydicom", "matplotlib")
RUN = (
    "import sys\nfrom medai.cli import run\nstatus = run({words!r})\n"
    "print([name for name in {heavy!r} if name in sys.modules])\nsys.exit(status)\n"
)
WRONG = {
    "score above 1": ("segment", "--score-threshold", "1.5", 2, "score_threshold is 1.5"),
    "mask below 0": ("segment", "--mask-threshold", "-0.1", 2, "mask_threshold is -0.1"),
    "mask not a number": ("segment", "--mask-threshold", "nan", 2, "mask_threshold is nan"),
    "region volume": ("segment", "--min-region-ml", "-3", 2, "min_region_ml is -3.0"),
    "plane": ("segment", "--plane", "oblique", 2, "oblique"),
    "device": ("segment", "--device", "tpu", 2, "tpu"),
    "unknown model": ("segment", "--model", "no-such", 3, "No model named 'no-such'"),
    "model of another task": ("segment", "--model", "covid-ctnet10", 3, "is a model for covid"),
    "names": ("segment", "--names", "initials", 2, "initials"),
    "GPU memory": ("segment", "--gpu-memory-gb", "0", 2, "expected more than 0"),
    "covid plane": ("classify", "--plane", "oblique", 2, "oblique"),
    "rule": ("classify", "--rule", "best", 2, "best"),
    "date": ("classify", "--date", "31.1.2026", 2, "expected a date like"),
    "lesion model": ("classify", "--lesion-model", "no-such", 3, "No model named 'no-such'"),
    "covid model": ("classify", "--model", "lesions-unet", 3, "is a model for lesions"),
    "threshold": ("cataract", "--threshold", "2", 2, "Threshold 2.0"),
    "eye": ("cataract", "--eye", "third", 2, "third"),
    "crop": ("cataract", "--crop", "1,2,3", 2, "1,2,3"),
    "cataract model": ("cataract", "--model", "no-such", 3, "No model named 'no-such'"),
    "batch model": ("batch", "--model", "no-such", 3, "No model named 'no-such'"),
}


def ended(
    command: str, *options: str, folder: Path, **variables: str
) -> tuple[int, str, str, float]:
    """Status, standard output and error of a new process, and its processor time in seconds."""
    # The study isn't there: whoever looks at it before the options says so.
    words = [command, str(folder / "missing.nrrd"), "-o", str(folder / "out"), *options]
    if command == "batch":
        words += ["--task", "segment"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = RUN.format(words=words, heavy=HEAVY)
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stdout, done.stderr, used


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_option_is_answered_before_anything_heavy(name: str, tmp_path: Path) -> None:
    command, *options, status, words = WRONG[name]
    code, out, err, seconds = ended(command, *options, folder=tmp_path)
    (line,) = err.splitlines()
    assert (code, out) == (status, "[]\n"), err
    assert words in line
    assert seconds < LONGEST_S
    assert list(tmp_path.iterdir()) == []


def test_dates_in_the_wrong_order_are_answered_before_anything_heavy(tmp_path: Path) -> None:
    dates = ("--prior-date", "2026-02-10", "--date", "2026-01-30", "--prior", "x.nrrd")
    code, out, err, seconds = ended("classify", *dates, folder=tmp_path)
    assert (code, out) == (2, "[]\n") and "11 days before" in err
    assert seconds < LONGEST_S


def test_a_missing_gpu_is_answered_before_anything_heavy(tmp_path: Path) -> None:
    for command in ("segment", "classify", "cataract"):
        code, out, err, seconds = ended(
            command, "--device", "cuda", folder=tmp_path, CUDA_VISIBLE_DEVICES=""
        )
        assert (code, out) == (3, "[]\n") and "no usable GPU" in err
        assert seconds < LONGEST_S


def test_a_correct_option_lets_the_study_be_looked_for(tmp_path: Path) -> None:
    code, _, err, _ = ended("segment", "--score-threshold", "0.5", folder=tmp_path)
    assert code == 2 and "missing.nrrd doesn't exist" in err
