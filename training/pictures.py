"""Classified CT pictures: folders by class, or file names that carry class and patient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import Frame
from training.lesion_slices import listed_files, picture_files, read_grey

# [Class]_[Patient]_[Scan]_[Slice].png: CNCB slices as COVIDx-CT names them.
_COVIDX = re.compile(r"^(?P<kind>[A-Za-z]+)_(?P<patient>[^_]+)_(?P<scan>[^_]+)_(?P<slice>\d+)$")
COVIDX_CLASSES = ("Normal", "CP", "NCP")


@dataclass(frozen=True, eq=False)
class ClassifiedPicture:
    """A grey picture (y, x) uint8, its class number, and whose it is as far as the name says."""

    name: str
    patient: str
    image: NDArray[np.uint8]
    label: int


def read_class_folders(folder: Path, classes: Sequence[str]) -> list[ClassifiedPicture]:
    """Pictures of ``folder/<class>/`` for each of ``classes``, numbered in that order.

    The patient is read off COVIDx-CT's and COVID-CT's file names. Raises TrainingDataError for a
    missing class folder, an empty one, or an unreadable picture.
    """
    pictures = []
    for label, name in enumerate(classes):
        inside = Path(folder) / name
        if not inside.is_dir():
            raise TrainingDataError(f"The class folder {inside} is missing.")
        pictures += [
            ClassifiedPicture(file.name, picture_patient(file, name), read_grey(file), label)
            for file in picture_files(inside)
        ]
    return pictures


def read_covidx(
    folder: Path, classes: Sequence[str] = COVIDX_CLASSES, listed: Path | None = None
) -> list[ClassifiedPicture]:
    """Pictures of one folder named ``[Class]_[Patient]_[Scan]_[Slice]``; the class is in the name.

    listed: a text file naming the pictures of a split (``lesion_slices.listed_files``). Raises
    TrainingDataError for a name of another form or a class that is not in ``classes``.
    """
    pictures = []
    for file in listed_files(folder, listed):
        match = _COVIDX.match(file.stem)
        if match is None:
            raise TrainingDataError(
                f"{file.name}: expected a name of the form [Class]_[Patient]_[Scan]_[Slice]."
            )
        if match["kind"] not in classes:
            raise TrainingDataError(
                f"{file.name}: class {match['kind']!r}, expected {', '.join(classes)}."
            )
        label = classes.index(match["kind"])
        pictures.append(ClassifiedPicture(file.name, match["patient"], read_grey(file), label))
    return pictures


def picture_patient(file: Path, kind: str) -> str:
    """Whose a picture is, by its name.

    COVIDx-CT names the patient. COVID-CT cuts pictures from the figures of papers; the parts
    ``%0``, ``%1`` … of one figure are kept together (``33.jpg`` and ``33.png`` are two).
    """
    match = _COVIDX.match(file.stem)
    return match["patient"] if match else f"{kind}/{file.stem.partition('%')[0]}{file.suffix}"


def refuse_shared_patients(first: Iterable, second: Iterable, where: str) -> None:
    """Raise TrainingDataError when a patient has items in both splits."""
    shared = {item.patient for item in first} & {item.patient for item in second}
    if shared:
        raise TrainingDataError(
            f"{where}: {len(shared)} patients are in both splits, the first is "
            f"{sorted(shared)[0]!r}; expected none."
        )


class FramedPictures:
    """Pictures fitted into ``size`` as inference does: items (image (1, *size) uint8, label)."""

    def __init__(self, pictures: Sequence[ClassifiedPicture], size: tuple[int, int]) -> None:
        self.items = [(framed_picture(p.image, size), p.label) for p in pictures]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, int]:
        return self.items[index]


def framed_picture(image: NDArray[np.uint8], size: tuple[int, int]) -> tv_tensors.Image:
    """A grey picture (y, x) in its frame, uint8 (1, *size)."""
    frame = Frame.fit(image.shape, size)
    grey = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None])
    return tv_tensors.Image(grey[0].round().to(torch.uint8))
