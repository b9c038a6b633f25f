"""Tiny sets in the layouts in which the papers' data are published, made of phantoms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from Testing.training.conftest import lung_phantom

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "training" / "configs"
# Patient before the underscore.
CNCB_TRAIN = ("0_115", "0_23", "1_104", "2_92")
CNCB_TEST = ("110_104", "110_130")


def cncb_mask(seed: int, side: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Slice and mask as CNCB has them: 0 background, 1 lung, 2 ground glass, 3 consolidation."""
    image, classes = lung_phantom(seed, side)
    y, x = np.mgrid[:side, :side] / side
    lungs = ((x - 0.27) / 0.2) ** 2 + ((y - 0.5) / 0.38) ** 2 < 1
    lungs |= ((x - 0.73) / 0.2) ** 2 + ((y - 0.5) / 0.38) ** 2 < 1
    return image, np.where(classes > 0, classes + 1, lungs).astype(np.uint8)


def cncb_folder(folder: Path) -> Path:
    """The CNCB segmentation set: ``images/0_115.jpg``, ``masks/0_115.png`` and the split lists."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for seed, name in enumerate((*CNCB_TRAIN, *CNCB_TEST)):
        image, mask = cncb_mask(seed)
        Image.fromarray(image).save(folder / "images" / f"{name}.jpg")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    for part, names in (("train", CNCB_TRAIN), ("test", CNCB_TEST)):
        lines = "".join(f"{name}.jpg\n" for name in names)
        (folder / f"{part}_split_segmentation.txt").write_text(lines, encoding="utf-8")
    return folder


def cncb_keys(folder: Path) -> list[str]:
    """What a configuration has to be told about ``cncb_folder``."""
    return [
        f"images={folder / 'images'}",
        f"masks={folder / 'masks'}",
        f"train_list={folder / 'train_split_segmentation.txt'}",
        f"validation_list={folder / 'test_split_segmentation.txt'}",
    ]


def run_module(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python -m training.<module>`` as users call it."""
    return subprocess.run(
        [sys.executable, "-m", f"training.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
