"""A killed run goes on where it was, two processes train together, bad settings are one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from Testing.training.runs import lesion_settings, losses
from training import lesions

ROOT = Path(__file__).resolve().parents[2]


def command(settings: lesions.LesionSettings, folder: Path) -> list[str]:
    """The command line of a lesion run with these settings."""
    keys = (
        "output", "images", "masks", "width", "size", "crop", "epochs", "steps_per_epoch",
        "batch_size", "learning_rate", "average", "accelerator", "threads", "devices", "strategy",
    )  # fmt: skip
    lines = []
    for key in keys:
        value = getattr(settings, key)
        lines.append(f"{key} = {value}" if isinstance(value, int | float) else f'{key} = "{value}"')
    (folder / "run.toml").write_text("\n".join(lines), encoding="utf-8")
    return [sys.executable, "-m", "training.lesions", "--config", str(folder / "run.toml")]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "MedAIExtension")])
    return os.environ | {"PYTHONPATH": path, "CI": "1", "OMP_NUM_THREADS": "1"}


def test_a_killed_run_resumes_with_the_same_losses(
    slice_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    base = replace(
        lesion_settings(slice_folders, tmp_path / "whole"),
        strength=1.0,
        steps_per_epoch=6,
        epochs=5,
        average=0.9,
    )
    lesions.train(base)
    killed = replace(base, output=tmp_path / "killed", epochs=500)
    run = subprocess.Popen(
        command(killed, tmp_path), env=environment(), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while not (killed.output / "last.ckpt").exists():
            assert run.poll() is None, "the run ended before it wrote a checkpoint"
            assert time.monotonic() < until, "no checkpoint after two minutes"
            time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    done = torch.load(killed.output / "last.ckpt", weights_only=True)["global_step"]
    assert 6 <= done < 3000
    whole = replace(base, output=killed.output, epochs=max(5, done // 6 + 2))
    lesions.train(whole)
    resumed, reference = losses(killed.output), losses(base.output)
    assert len(reference) == 30
    assert max(resumed) >= done
    for step in range(30):
        if step in resumed:
            assert resumed[step] == pytest.approx(reference[step], abs=1e-4), step
    assert set(range(done, max(30, done + 6))) <= set(resumed)


def test_two_processes_train_together(slice_folders: tuple[Path, Path], tmp_path: Path) -> None:
    settings = replace(
        lesion_settings(slice_folders, tmp_path / "run"),
        steps_per_epoch=4,
        epochs=2,
        batch_size=2,
        average=0.9,
        devices=2,
        strategy="ddp",
    )
    done = subprocess.run(
        command(settings, tmp_path),
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert "All distributed processes registered. Starting with 2 processes" in done.stderr
    assert "gloo" in done.stderr
    assert sorted(losses(settings.output)) == list(range(8))
    state = torch.load(settings.output / "last.ckpt", weights_only=True)
    assert state["global_step"] == 8


def test_a_trainer_answers_bad_configurations_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('output = "x"\nlearning = 1\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "training.lesions", "--config", str(tmp_path / "run.toml")],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unknown key 'learning'" in done.stderr
