"""Nothing that lies in the folder a user works in runs: not in the worker, not under a batch."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medai.child_process import safe_environment, system_program
from Testing.batch.conftest import ROOT

pytestmark = pytest.mark.xdist_group("batch")
# Modules of Python that the children import early, late, or through a library.
TRAPS = ("json", "signal", "socket", "tempfile", "faulthandler", "queue", "PIL", "torch", "numpy")


@pytest.fixture
def trapped(tmp_path) -> Path:
    """A folder of a study that people share, with modules that leave a mark where they run."""
    folder = tmp_path / "shared study"
    folder.mkdir()
    for name in TRAPS:
        mark = tmp_path / f"ran {name}"
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\nraise SystemExit\n")
    return folder


def ran(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.glob("ran *"))


@pytest.mark.parametrize("python_path", ["", ".", os.pathsep])
def test_the_inference_process_runs_nothing_of_the_current_folder(
    trapped, monkeypatch, python_path
):
    from medai.inference.worker.inference_worker import Worker

    given = [str(ROOT), str(ROOT / "MedAIExtension"), python_path]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(given))
    monkeypatch.chdir(trapped)
    worker = Worker(model_folders=[])
    try:
        job = worker.submit("lesions", None, "none", None)
        end = time.monotonic() + 120
        while not job.finished and time.monotonic() < end:
            job.poll()
            time.sleep(0.02)
        assert "No model named" in job.error
    finally:
        worker.close()
    assert ran(trapped) == []


def test_a_batch_runs_nothing_of_the_current_folder(trapped):
    (trapped / "list.csv").write_text("study\nmissing\nmissing too\n")
    program = trapped.parent / "medai_program.py"
    program.write_text(
        "from medai.cli import main\nif __name__ == '__main__':\n    main()\n", encoding="utf-8"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "MedAIExtension")])
    done = subprocess.run(
        [
            *(sys.executable, program, "batch", "list.csv", "--task", "agree"),
            *("-o", trapped.parent / "out", "--workers", "1"),
        ],
        cwd=trapped,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "0 of 2 studies done" in done.stdout
    assert "Defect" not in (trapped.parent / "out" / "failures.csv").read_text()
    assert ran(trapped) == []


def test_a_child_imports_from_absolute_folders_only(monkeypatch, tmp_path):
    here = str(tmp_path.absolute())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", here, "relative/lib"]))
    environment = safe_environment([tmp_path / "first"])
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "first"), here]
    assert environment["PYTHONSAFEPATH"] == "1"
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in safe_environment()


@pytest.mark.skipif(sys.platform == "win32", reason="elsewhere there is no such folder")
def test_a_program_of_windows_is_asked_for_on_windows_only():
    with pytest.raises(ValueError, match=r"taskkill\.exe"):
        system_program("taskkill.exe")
