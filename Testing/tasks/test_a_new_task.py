"""A task that is added by one entry and its own files works everywhere at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import medai
from medai.images import read_segmentation, write_volume
from medai.phantoms import chest_ct
from Testing.tasks.made_up_task import add_to

SPACING_MM = (58.0, 9.6, 9.6)
PHANTOM = chest_ct(shape=(5, 40, 40), spacing_mm=SPACING_MM, seed=3).volume
BRIGHT_ML = float((PHANTOM.array > 0).sum() * np.prod(SPACING_MM) / 1000)
EVERYWHERE = """
import json, sys, time
from pathlib import Path
from medai import cli, reports, scene
from medai.images import read_volume
from medai.inference.bright import BrightOptions, find_bright
from medai.inference.worker.inference_worker import Worker

def main():
    assert cli.run(["bright", "chest.nrrd", "-o", "command"]) == 0
    assert cli.run(
        ["batch", "list.csv", "--task", "bright", "-o", "batch", "--workers", "1"]
    ) == 0
    volume = read_volume(Path("chest.nrrd"))
    worker = Worker()
    job = worker.submit("bright", volume, "", BrightOptions())
    while not job.finished:
        job.poll()
        time.sleep(0.01)
    assert job.state == "done", job.error
    reports.write(job.result, Path("report"))
    worker.close()
    if "scene" in sys.argv:
        from medai import host
        host.start()
        node = scene.show_volume(volume)
        shown = scene.show(job.result, node)
        assert shown.GetSegmentation().GetSegmentIDs() == ("bright",)
        scene.save_scene(Path("scene.mrb"))
    Path("seen.json").write_text(json.dumps(job.result.bright_ml))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package that has one task more."""
    folder = tmp_path_factory.mktemp("extended")
    package = Path(medai.__file__).parent
    leave_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "MedAIExtension" / "medai", ignore=leave_out)
    (folder / "Resources").symlink_to(package.parents[1] / "Resources")
    add_to(folder / "MedAIExtension" / "medai")
    return folder / "MedAIExtension"


def python(extended: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(extended), "XDG_DATA_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_it_works_from_command_line_batch_worker_report_and_scene(
    extended: Path, tmp_path: Path
) -> None:
    write_volume(PHANTOM, tmp_path / "chest.nrrd")
    (tmp_path / "list.csv").write_text("study,name,above_hu\nchest.nrrd,One,0\n")
    (tmp_path / "try_it.py").write_text(EVERYWHERE)
    has_scene = find_spec("slicer") is not None
    done = python(extended, tmp_path, "try_it.py", *(["scene"] if has_scene else []))

    assert f"{BRIGHT_ML:.1f} mL are bright." in done.stdout
    for folder in ("command", "batch/studies/One", "report"):
        mask = read_segmentation(tmp_path / folder / "bright.seg.nrrd").mask("bright")
        assert np.array_equal(mask > 0, PHANTOM.array > 0)
        summary = json.loads((tmp_path / folder / "bright.json").read_text())
        assert summary["bright_ml"] == pytest.approx(BRIGHT_ML)
    results = (tmp_path / "batch" / "results.csv").read_text().splitlines()
    assert results[0] == "number,name,bright_ml"
    assert float(results[1].split(",")[2]) == pytest.approx(BRIGHT_ML)
    assert json.loads((tmp_path / "seen.json").read_text()) == pytest.approx(BRIGHT_ML)
    assert (tmp_path / "scene.mrb").is_file() == has_scene


def test_help_names_it(extended: Path, tmp_path: Path) -> None:
    words = python(extended, tmp_path, "-m", "medai.cli", "--help").stdout
    assert "bright" in words and "Find what is bright." in words
    assert "bright" in python(extended, tmp_path, "-m", "medai.cli", "batch", "--help").stdout
