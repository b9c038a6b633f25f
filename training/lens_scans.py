"""Phantom patients as training data for the cataract network: crops, and each pixel's class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors

from medai.errors import TrainingDataError, UnsuitableImageError
from medai.images.crop_box import CropBox, centered_crop
from medai.inference.cataract.lens_crop import network_size, propose_crop, to_network_grid
from medai.phantoms.lens_oct import LensPhantom, lens_patient

LABELS = ("local", "patient")
CROPS = ("lens", "fixed")
_SHAPES = ((608, 716), (760, 896), (912, 1075))


@dataclass(frozen=True, eq=False)
class LensScan:
    """A crop on the network's grid: classes 0 background, 1 normal lens, 2 cataract."""

    patient: int
    eye: int
    diseased: bool
    pixels: NDArray[np.uint8]
    classes: NDArray[np.uint8]


def phantom_scans(
    patients: Iterable[int], scans: int, size: int, labels: str = "local", crop: str = "lens"
) -> Iterator[LensScan]:
    """Scans of both eyes of each phantom patient; every second patient has cataract.

    labels: "local", only opaque lens is cataract (maps then show where), or "patient", the source
    paper's rule: every lens pixel of a cataract patient is cataract. crop: see ``crop_box``.
    """
    for patient in patients:
        diseased = patient % 2 == 1
        shape = _SHAPES[patient // 2 % len(_SHAPES)]
        pair = lens_patient(patient, cataract=diseased, shape=shape, scans=scans)
        for eye, phantom in enumerate(pair):
            for scan in range(scans):
                whole = diseased and labels == "patient"
                pixels, classes = _crop(phantom, scan, size, whole, crop)
                yield LensScan(patient, eye, diseased, pixels, classes)


class LensScans:
    """Scans as items for augmentation: (image (1, y, x), classes (y, x)) tv_tensors."""

    def __init__(self, scans: Sequence[LensScan]) -> None:
        self.scans = scans

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        scan = self.scans[index]
        image = tv_tensors.Image(torch.from_numpy(scan.pixels)[None])
        return image, tv_tensors.Mask(torch.from_numpy(scan.classes))


def _crop(
    phantom: LensPhantom, scan: int, size: int, whole_lens: bool, crop: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = phantom.volume.array[scan]
    box = crop_box(pixels, crop)
    grid = network_size(box, pixels.shape, size)
    cataract = phantom.lens[scan] if whole_lens else phantom.cataract[scan]
    masks = np.stack([phantom.lens[scan], cataract])[(slice(None), *box.slices)]
    layers = np.concatenate([pixels[box.slices][None], 255 * masks.astype(np.uint8)])
    resampled = to_network_grid(torch.from_numpy(layers).float()[None], grid)[0].round()
    image, lens, opaque = resampled.numpy().astype(np.uint8)
    return image, np.where(opaque > 127, 2, (lens > 127).astype(np.uint8)).astype(np.uint8)


def crop_box(pixels: NDArray[np.uint8], crop: str) -> CropBox:
    """The crop of a scan (y, x).

    crop: "lens" finds the lens, as inference does, and takes the middle where it is not seen;
    "fixed" takes the same coordinates in every scan, as S5 did: the middle 1100 px of 2150.
    """
    if crop not in CROPS:
        raise TrainingDataError(f"crop = {crop!r}, expected one of {', '.join(CROPS)}.")
    shape = (pixels.shape[0], pixels.shape[1])
    if crop == "fixed":
        return centered_crop(shape)
    try:
        return propose_crop(pixels, "scan")
    except UnsuitableImageError:
        return centered_crop(shape)
