"""Tiny sets in the layouts in which the papers' data are published, made of phantoms."""

from __future__ import annotations

import os
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
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "MedAIExtension")))},
        capture_output=True,
        text=True,
        check=False,
    )


# COVIDx-CT: of each part some pictures of each class, and whose they are.
COVIDX_PARTS = {
    "train": ("1728", "7", "96"),
    "val": ("1730", "8", "97"),
    "test": ("1740", "9", "98"),
}
COVIDX_WORDS = ("Normal", "CP", "NCP")


def covidx_folder(folder: Path, *, by_number: bool) -> Path:
    """COVIDx-CT: ``images`` named by class, and COVIDx-CT's own lists (name, class, box).

    by_number: pictures are named ``0_1728_1013_0023.png`` as the S2 authors name theirs.
    """
    (folder / "images").mkdir(parents=True)
    for part, patients in COVIDX_PARTS.items():
        lines = []
        for label, patient in enumerate(patients):
            for number in range(2):
                rest = f"{patient}_1013_{number:04d}.png"
                kind = str(label) if by_number else COVIDX_WORDS[label]
                image, _ = lung_phantom(10 * label + number)
                Image.fromarray(image).save(folder / "images" / f"{kind}_{rest}")
                lines.append(f"{COVIDX_WORDS[label]}_{rest} {label} 0 0 64 64\n")
        (folder / f"{part}_COVIDx-CT_v1.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def covidx_keys(folder: Path) -> list[str]:
    """What a configuration has to be told about ``covidx_folder``."""
    keys = [f"{part}={folder / 'images'}" for part in ("train", "validation", "test")]
    for key, part in (("train", "train"), ("validation", "val"), ("test", "test")):
        keys.append(f"{key}_list={folder / f'{part}_COVIDx-CT_v1.txt'}")
    return keys


def covid_ct_folder(folder: Path, of_each: int = 10) -> Path:
    """COVID-CT: ``train`` and ``val``, ``covid`` and ``noncovid``, named after papers' figures."""
    for part in ("train", "val"):
        for kind in ("covid", "noncovid"):
            (folder / part / kind).mkdir(parents=True)
            for number in range(of_each):
                image, classes = lung_phantom(number)
                if kind == "noncovid":
                    image = np.where(classes > 0, 45, image).astype(np.uint8)
                name = f"2020.02.{part}.{number}-p6-52%0.png"
                Image.fromarray(image).save(folder / part / kind / name)
    return folder


def covid_ct_keys(folder: Path) -> list[str]:
    """What a configuration has to be told about ``covid_ct_folder``."""
    return [f"train={folder / 'train'}", f"validation={folder / 'val'}"]
