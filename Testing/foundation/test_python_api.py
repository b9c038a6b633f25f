"""The tasks as Python functions: light to import, and results that show and save themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import medai
from medai.commands.doctor import examination
from medai.errors import InputError
from medai.models import ModelStore
from medai.phantoms import chest_ct
from Testing.model_folders import write_model


def test_importing_medai_loads_nothing_heavy() -> None:
    code = (
        "import sys, medai\n"
        "heavy = {'numpy', 'scipy', 'torch', 'matplotlib', 'slicer', 'SimpleITK', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)), sorted(medai.__all__))\n"
        "medai.segment\n"
        "print('torch' in sys.modules)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert answer.splitlines() == [f"[] {sorted(medai.__all__)}", "False"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        medai.nothing  # noqa: B018


def test_a_segmentation_shows_and_saves_itself(tmp_path: Path) -> None:
    folder = write_model(
        tmp_path / "Models" / "mine", "unet", ("lesion",), classes=2, width=4, in_channels=1
    )
    model = ModelStore([folder.parent]).load("mine")
    phantom = chest_ct((10, 96, 96), (30.0, 4.0, 4.0), seed=3)

    found = medai.segment(phantom.volume, model=model)

    assert found.sentence == found.result.sentence
    assert found.to_dict()["task"] == "lesions"
    assert len(found.rows) == len(found.result.findings)
    page = found._repr_html_()
    assert "data:image/png" in page
    assert found.sentence.split(",")[0] in page
    out = found.save(tmp_path / "out")
    assert {"summary.json", "report.html", "lesions.csv"} <= {f.name for f in out.iterdir()}


def test_agreement_of_a_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for image in range(3):
        blob = np.zeros((24, 24), bool)
        blob[4 : 14 + image, 5:16] = True
        for rater in "ABC":
            mask = blob ^ (rng.random(blob.shape) < 0.04)
            path = tmp_path / f"image{image}" / f"{rater}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(mask.astype(np.uint8) * 255).save(path)

    found = medai.agree(tmp_path)

    assert found.task == "agreement"
    assert found.sentence
    assert found.to_dict()["task"] == "agreement"
    with pytest.raises(InputError, match="is no folder"):
        medai.agree(tmp_path / "none")


def test_the_doctor_names_versions_and_models_but_nobody() -> None:
    found = examination()
    assert found["medai"] == medai.__version__
    assert set(found["models"].values()) == {"sound"}
    assert found["devices"][0] == "CPU"
    assert str(Path.home()) not in str(found)
