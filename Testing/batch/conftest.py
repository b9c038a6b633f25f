"""Forty small chests in a list, and what an undisturbed run makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from medai.images import write_volume
from medai.phantoms import chest_ct
from Testing.model_folders import write_model

ROOT = Path(__file__).resolve().parents[2]
STUDIES = 40


@dataclass(frozen=True)
class Cohort:
    """list_path: the list. folder: for outputs. environment: for programs that run it."""

    list_path: Path
    folder: Path
    environment: dict[str, str]

    def trials(self, *arguments: object) -> dict:
        """What ``kill_trials`` reports."""
        done = subprocess.run(
            [sys.executable, "-m", "Testing.batch.kill_trials", *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Cohort:
    """Forty studies, no two alike, and a tiny network in the user's own model folder."""
    folder = tmp_path_factory.mktemp("cohort")
    write_model(
        folder / "home" / "MedAI" / "Models" / "tiny", "unet", ("lesion",), width=4, classes=2
    )
    chest = chest_ct(shape=(5, 40, 40), spacing_mm=(58.0, 9.6, 9.6), seed=3).volume
    rows = ["study,name,model"]
    for number in range(1, STUDIES + 1):
        brighter = replace(chest, array=chest.array + chest.array.dtype.type(number))
        write_volume(brighter, folder / f"ct {number}.nrrd")
        rows.append(f"ct {number}.nrrd,Fall-{number:02d},tiny")
    (folder / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    environment = os.environ | {
        "XDG_DATA_HOME": str(folder / "home"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "MedAIExtension")]),
    }
    return Cohort(folder / "list.csv", folder, environment)


@pytest.fixture(scope="session")
def undisturbed(cohort) -> dict[str, bytes]:
    """All files of a run that nobody killed."""
    report = cohort.trials(cohort.list_path, cohort.folder / "undisturbed", 0, "here")
    assert report == {"kills": [], "broken": [], "states": {"done": STUDIES}}
    return files_of(cohort.folder / "undisturbed")


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file but the timings, by its path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "timing.json"
    }
