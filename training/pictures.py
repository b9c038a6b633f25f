"""Classified CT pictures: folders by class, or file names that carry class and patient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import tv_tensors

from medai.errors import TrainingDataError
from medai.inference.running.letterbox import Frame
from training.lesion_slices import listed_lines, picture_files, read_grey

# [Class]_[Patient]_[Scan]_[Slice].png: CNCB slices as COVIDx-CT names them; the S2 authors write
# the class as its number.
_COVIDX = re.compile(r"^(?P<kind>[A-Za-z]+|\d)_(?P<patient>[^_]+)_(?P<scan>[^_]+)_(?P<slice>\d+)$")
COVIDX_CLASSES = ("Normal", "CP", "NCP")
# Kept in memory once read, so that small sets are read once and large ones fit.
_KEPT_BYTES = 2_000_000_000


@dataclass(frozen=True, eq=False)
class ClassifiedPicture:
    """A grey picture (y, x) uint8, its class number, and whose it is as far as the name says.

    The file is read when ``image`` is asked for: COVIDx-CT has a hundred thousand of them.
    """

    name: str
    patient: str
    file: Path
    label: int

    @property
    def image(self) -> NDArray[np.uint8]:
        """The pixels, read now. Raises TrainingDataError for an unreadable picture."""
        return read_grey(self.file)


def read_class_folders(folder: Path, classes: Sequence[str]) -> list[ClassifiedPicture]:
    """Pictures of ``folder/<class>/`` for each of ``classes``, numbered in that order.

    The patient is read off COVIDx-CT's and COVID-CT's file names. Raises TrainingDataError for a
    missing class folder or an empty one.
    """
    pictures = []
    for label, name in enumerate(classes):
        inside = Path(folder) / name
        if not inside.is_dir():
            raise TrainingDataError(f"The class folder {inside} is missing.")
        pictures += [
            ClassifiedPicture(file.name, picture_patient(file, name), file, label)
            for file in picture_files(inside)
        ]
    return pictures


def read_covidx(
    folder: Path, classes: Sequence[str] = COVIDX_CLASSES, listed: Path | None = None
) -> list[ClassifiedPicture]:
    """Pictures of one folder named ``[Class]_[Patient]_[Scan]_[Slice]``; the class is in the name.

    The class is one of ``classes``, or its number as the S2 authors write it:
    ``0_1728_1013_0023.png`` is ``Normal_1728_1013_0023.png``. listed: a text file naming the
    pictures of a split, as COVIDx-CT's (name, class number, box) or the authors' (names); a listed
    name is found under the other spelling too. Where a name is of another form (COVIDx-CT 2 and 3),
    its class number in the list counts. Raises TrainingDataError for a class that is not in
    ``classes``, a list that contradicts a name, or a class that nothing says.
    """
    files = picture_files(folder) if listed is None else None
    rows = [(file, None) for file in files or ()]
    if listed is not None:
        rows = list(_listed_pictures(folder, listed, classes))
    return [_classified(file, said, classes) for file, said in rows]


def _listed_pictures(
    folder: Path, listed: Path, classes: Sequence[str]
) -> Iterator[tuple[Path, int | None]]:
    """Each picture that a list names, with its class number if the list has one."""
    lines = listed_lines(listed)
    there = {file.name for file in picture_files(folder)}
    missing = []
    for line in lines:
        name, *rest = line.split()
        spelt = next((s for s in _spellings(name, classes) if s in there), None)
        if spelt is None:
            missing.append(name)
            continue
        yield folder / spelt, int(rest[0]) if rest and rest[0].isdecimal() else None
    if missing:
        raise TrainingDataError(
            f"{missing[0]} of the list {listed.name} is not in {folder} "
            f"({len(missing)} of {len(lines)} are missing)."
        )


def _spellings(name: str, classes: Sequence[str]) -> Iterator[str]:
    """A file name, and the same with the class as number or word."""
    yield name
    kind, _, rest = name.partition("_")
    if kind.isdecimal() and int(kind) < len(classes):
        yield f"{classes[int(kind)]}_{rest}"
    elif kind in classes:
        yield f"{classes.index(kind)}_{rest}"


def _classified(file: Path, said: int | None, classes: Sequence[str]) -> ClassifiedPicture:
    match = _COVIDX.match(file.stem)
    if match is None:
        if said is None:
            raise TrainingDataError(
                f"{file.name}: expected a name of the form [Class]_[Patient]_[Scan]_[Slice], or a "
                "list with its class number."
            )
        patient = re.split(r"[-_][^-_]*$", file.stem)[0]
        return ClassifiedPicture(file.name, patient, file, _known_class(said, file, classes))
    kind = match["kind"]
    if kind.isdecimal():
        label = _known_class(int(kind), file, classes)
    elif kind in classes:
        label = classes.index(kind)
    else:
        raise TrainingDataError(f"{file.name}: class {kind!r}, expected {', '.join(classes)}.")
    if said not in (None, label):
        raise TrainingDataError(
            f"{file.name}: the list says class {said}, its name {label} ({classes[label]})."
        )
    return ClassifiedPicture(file.name, match["patient"], file, label)


def _known_class(number: int, file: Path, classes: Sequence[str]) -> int:
    if number >= len(classes):
        raise TrainingDataError(
            f"{file.name}: class {number}, expected 0 to {len(classes) - 1} ({', '.join(classes)})."
        )
    return number


def drawn(
    pictures: Sequence[ClassifiedPicture], count: int, per_class: int, seed: int
) -> list[ClassifiedPicture]:
    """At most ``count`` pictures at random, or ``per_class`` of each class; 0 and 0 keep them all.

    S2 drew 3,000 of COVIDx-CT's training part; its authors' list has 1,000 of each class. Raises
    TrainingDataError where both are asked for.
    """
    if count and per_class:
        raise TrainingDataError("sample and sample_per_class exclude each other.")
    rng = np.random.default_rng(seed)
    groups = [list(range(len(pictures)))]
    if per_class:
        labels = sorted({picture.label for picture in pictures})
        groups = [[i for i, p in enumerate(pictures) if p.label == label] for label in labels]
    most = per_class or count or len(pictures)
    chosen = [index for group in groups for index in rng.permutation(group)[:most].tolist()]
    return [pictures[index] for index in sorted(chosen)]


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
        self.pictures, self.size = pictures, size
        self._kept: dict[int, tv_tensors.Image] = {}
        self._most_kept = _KEPT_BYTES // (size[0] * size[1])

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def items(self) -> list[tuple[tv_tensors.Image, int]]:
        """All of them."""
        return list(self)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, int]:
        if not 0 <= index < len(self.pictures):
            raise IndexError(index)
        picture = self.pictures[index]
        image = self._kept.get(index)
        if image is None:
            image = framed_picture(picture.image, self.size)
            if len(self._kept) < self._most_kept:
                self._kept[index] = image
        return image, picture.label


def framed_picture(image: NDArray[np.uint8], size: tuple[int, int]) -> tv_tensors.Image:
    """A grey picture (y, x) in its frame, uint8 (1, *size)."""
    frame = Frame.fit(image.shape, size)
    grey = frame.into(torch.from_numpy(np.ascontiguousarray(image))[None])
    return tv_tensors.Image(grey[0].round().to(torch.uint8))
