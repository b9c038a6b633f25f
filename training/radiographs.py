"""Chest radiographs with outlines or scores, read, labelled and split by patient."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medai.errors import TrainingDataError
from training.lesion_slices import PICTURES, mask_of

# A label is the set of classes that a pixel may have, as bits: not every set tells all of them.
BACKGROUND, CLEAR, GROUND_GLASS, CONSOLIDATION = 1, 2, 4, 8
ANY_LUNG = CLEAR | GROUND_GLASS | CONSOLIDATION
# Bits of the files of the lesion set.
_RIGHT, _LEFT, _GROUND_GLASS_FILE, _CONSOLIDATION_FILE = 1, 2, 4, 8
# One patient, or one picture of people without a name, of so many is kept for judging.
PATIENTS_KEPT, LUNGS_KEPT = 3, 5


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One frontal radiograph.

    pixels: (y, x) uint8. labels: (y, x) uint8, the classes that each pixel may have, as bits.
    """

    name: str
    patient: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ScoredRadiograph:
    """One radiograph and the six zones' scores 0..3 of two raters, A to F."""

    name: str
    patient: str
    pixels: NDArray[np.uint8]
    senior: tuple[int, ...]
    junior: tuple[int, ...]


def read_lung_radiographs(folder: Path) -> list[Radiograph]:
    """Radiographs of ``images`` with lungs of ``masks``; a name that ends in ``_0`` is of healthy
    lungs, in which no opacity is; in others each pixel of the lung may be any."""
    found = []
    for file in _pictures(folder / "images"):
        lungs = _grey(mask_of(file, folder / "masks")) > 127
        inside = CLEAR if file.stem.endswith("_0") else ANY_LUNG
        labels = np.where(lungs, inside, BACKGROUND).astype(np.uint8)
        found.append(Radiograph(file.stem, file.stem, _grey(file), labels))
    return found


def read_opacity_radiographs(folder: Path) -> list[Radiograph]:
    """Radiographs of ``images`` with opacities of ``labels``, patient before the underscore.

    There the left lung is outlined through the heart: what is clear in it may be background.
    """
    found = []
    for file in _pictures(folder / "images"):
        bits = _grey(mask_of(file, folder / "labels"))
        labels = np.full(bits.shape, BACKGROUND, np.uint8)
        labels[bits & _LEFT > 0] = BACKGROUND | CLEAR
        labels[bits & _RIGHT > 0] = CLEAR
        labels[bits & _GROUND_GLASS_FILE > 0] = GROUND_GLASS
        labels[bits & _CONSOLIDATION_FILE > 0] = CONSOLIDATION
        patient = file.stem.partition("_")[0].removeprefix("p")
        found.append(Radiograph(file.stem, patient, _grey(file), labels))
    return found


def read_scored_radiographs(folder: Path) -> list[ScoredRadiograph]:
    """Radiographs of ``images`` with two raters' scores of ``scores.csv``."""
    table = folder / "scores.csv"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise TrainingDataError(f"Can't read {table}: {error.strerror}.") from None
    pictures = {file.stem: file for file in _pictures(folder / "images")}
    found = []
    for row in rows:
        stem = Path(row["filename"]).stem
        if stem not in pictures:
            raise TrainingDataError(f"{table} names {row['filename']}, which is not in images.")
        senior, junior = (
            tuple(int(row[f"{rater}-{zone}"]) for zone in "ABCDEF") for rater in ("S", "J")
        )
        pixels = _grey(pictures[stem])
        found.append(ScoredRadiograph(stem, row["patient"], pixels, senior, junior))
    return found


def kept_patients(patients: Iterable[str]) -> frozenset[str]:
    """The patients whom no training run sees: every third in order of their numbers.

    Both sets with patients are to be split by the patients of both together.
    """
    ordered = sorted(set(patients), key=lambda name: (int(name) if name.isdigit() else 0, name))
    return frozenset(ordered[::PATIENTS_KEPT])


def split_lung_radiographs(
    pictures: Sequence[Radiograph],
) -> tuple[list[Radiograph], list[Radiograph]]:
    """Radiographs to train on, and every fifth, which is kept for judging."""
    learn = [item for number, item in enumerate(pictures) if number % LUNGS_KEPT]
    return learn, list(pictures[::LUNGS_KEPT])


def _pictures(folder: Path) -> list[Path]:
    found = sorted(file for file in folder.glob("*") if file.suffix.lower() in PICTURES)
    if not found:
        raise TrainingDataError(f"{folder} holds no pictures.")
    return found


def _grey(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.array(picture.convert("L"))
