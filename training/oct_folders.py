"""Anterior-segment OCT scans with label maps in folders by patient and eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medai.errors import TrainingDataError
from medai.inference.cataract.lens_crop import network_size, to_network_grid
from training.lens_scans import LensScan, crop_box
from training.lesion_slices import picture_files, read_grey

CATARACT = 2


def read_oct_folders(scans: Path, labels: Path, size: int, crop: str = "lens") -> list[LensScan]:
    """Scans of ``scans/<patient>/<eye>/*.png`` with label maps of the same relative path.

    Label maps hold 0 background, 1 normal lens, 2 cataract. Scans come cropped around the lens and
    resampled as inference does for a network of ``size``. crop: see ``lens_scans.crop_box``. Raises
    TrainingDataError for no
    patients, a scan without labels, sizes that differ, other values, or an unreadable picture.
    """
    if not scans.is_dir():
        raise TrainingDataError(f"{scans} is not a folder, expected <patient>/<eye>/ in it.")
    found = []
    patients = sorted(path for path in scans.iterdir() if path.is_dir())
    for number, patient in enumerate(patients):
        eyes = sorted(path for path in patient.iterdir() if path.is_dir())
        read = [
            (eye, *_read_pair(file, scans, labels))
            for eye, folder in enumerate(eyes)
            for file in picture_files(folder)
        ]
        diseased = any((mask == CATARACT).any() for _, _, mask in read)
        for eye, image, mask in read:
            pixels, classes = _crop(image, mask, size, crop)
            found.append(LensScan(number, eye, diseased, pixels, classes))
    if not found:
        raise TrainingDataError(f"{scans} holds no <patient>/<eye>/ folders with scans.")
    return found


def split_patients(
    scans: Sequence[LensScan], kept_share: float, seed: int
) -> tuple[list[LensScan], list[LensScan]]:
    """Training and test scans; both eyes of a patient stay together, diseased or not alike."""
    rng = np.random.default_rng(seed)
    kept: set[int] = set()
    for diseased in (False, True):
        patients = sorted({scan.patient for scan in scans if scan.diseased == diseased})
        kept |= set(rng.permutation(patients)[: round(kept_share * len(patients))].tolist())
    learn = [scan for scan in scans if scan.patient not in kept]
    test = [scan for scan in scans if scan.patient in kept]
    if not learn or not test:
        raise TrainingDataError(
            f"{kept_share:g} of the patients kept leaves {len(learn)} scans to train and "
            f"{len(test)} to test, expected some of each."
        )
    return learn, test


def _read_pair(
    file: Path, scans: Path, labels: Path
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    name = file.relative_to(scans)
    mask_file = labels / name.with_suffix(".png")
    if not mask_file.is_file():
        raise TrainingDataError(f"{name} has no labels at {mask_file}.")
    image, mask = read_grey(file), read_grey(mask_file)
    if image.shape != mask.shape:
        raise TrainingDataError(
            f"{mask_file.name}: {mask.shape[1]}×{mask.shape[0]} px, but its scan has "
            f"{image.shape[1]}×{image.shape[0]} px."
        )
    if mask.max() > CATARACT:
        raise TrainingDataError(f"{mask_file}: value {mask.max()}, expected 0, 1 or 2.")
    return image, mask


def _crop(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], size: int, crop: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    shape = (image.shape[0], image.shape[1])
    box = crop_box(image, crop)
    grid = network_size(box, shape, size)
    layers = torch.from_numpy(np.stack([m[box.slices] for m in (image, mask)])).float()
    pixels = to_network_grid(layers[None, :1], grid)[0, 0].round().clamp(0, 255)
    classes = torch.nn.functional.interpolate(layers[None, 1:], grid, mode="nearest-exact")[0, 0]
    return pixels.to(torch.uint8).numpy(), classes.to(torch.uint8).numpy()
