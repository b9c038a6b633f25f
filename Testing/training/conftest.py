"""Small data sets of phantoms in the layouts that trainers read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage


@pytest.fixture(autouse=True)
def _one_thread_and_no_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    torch.set_num_threads(1)


def lung_phantom(seed: int, side: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two lungs with a ground-glass lesion in one, a dense one in the other: image, classes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    left = ((x - 0.27) / 0.2) ** 2 + ((y - 0.5) / 0.38) ** 2 < 1
    right = ((x - 0.73) / 0.2) ** 2 + ((y - 0.5) / 0.38) ** 2 < 1
    image = np.where(left | right, 45.0, 210.0)
    classes = np.zeros((side, side), np.uint8)
    for lung, center, label, grey in ((left, 0.27, 1, 110.0), (right, 0.73, 2, 200.0)):
        cy, cx = rng.uniform(0.35, 0.65), center + rng.uniform(-0.06, 0.06)
        spot = (((x - cx) / 0.15) ** 2 + ((y - cy) / 0.2) ** 2 < 1) & lung
        image[spot], classes[spot] = grey, label
    noise = ndimage.gaussian_filter(rng.normal(0, 20, image.shape), 0.7)
    return np.clip(image + noise, 0, 255).astype(np.uint8), classes


@pytest.fixture
def slice_folders(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of ten slices and their masks; file names carry the patient, ``p3_0.png``."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for seed in range(10):
        image, classes = lung_phantom(seed)
        Image.fromarray(image).save(images / f"p{seed}_0.png")
        Image.fromarray(classes).save(masks / f"p{seed}_0.png")
    return images, masks


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """``train`` and ``val`` with four pictures of each class; COVID-19 pictures have lesions."""
    for part, first in (("train", 0), ("val", 100)):
        for kind in ("noncovid", "covid"):
            folder = tmp_path / part / kind
            folder.mkdir(parents=True)
            for seed in range(first, first + 4):
                image, classes = lung_phantom(seed)
                if kind == "noncovid":
                    image = np.where(classes > 0, 45, image).astype(np.uint8)
                Image.fromarray(image).save(folder / f"{kind}{seed}.png")
    return tmp_path
