"""Which anterior-segment scans belong to which eye, and their pixels as one 8-bit stack an eye."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, ImageReadError, InputError, UnsuitableImageError
from medai.images.crop_box import CropBox
from medai.images.dicom_deflated import check_deflated
from medai.images.dicom_series import is_dicom
from medai.images.natural_order import natural_order
from medai.images.output_names import NameRule, output_name
from medai.images.reading import read_volume
from medai.images.volume import Volume

Eye = Literal["right", "left", ""]
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
SCAN_SUFFIXES = (*PICTURE_SUFFIXES, ".dcm", ".nrrd", ".mha", ".nii", ".gz")

_EYE_WORDS: dict[str, Eye] = {
    **dict.fromkeys(("od", "r", "re", "right", "dx", "dextra"), "right"),
    **dict.fromkeys(("os", "l", "le", "left", "sin", "sinistra"), "left"),
}
_WORD = re.compile(r"[A-Za-z]+|\d+")


@dataclass(frozen=True, eq=False)
class EyeScans:
    """The scans of one eye.

    eye: "right", "left", or "" where nobody said. label: the eye in words, with what the file
    names say before it where several people were given ("SSA002 right eye").
    volume: uint8 (scans, y, x). names: one a scan. crops: boxes that the user placed, None for
    "find the lens"; empty means none was placed. left_out: why each of the eye's files that is not
    among the scans can't be used.
    """

    eye: Eye
    label: str
    volume: Volume
    names: tuple[str, ...]
    crops: tuple[CropBox | None, ...] = ()
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        scans = self.volume.grid_shape[0]
        if len(self.names) != scans or len(self.crops) not in (0, scans):
            raise InputError(
                f"{self.label}: {scans} scans with {len(self.names)} names and {len(self.crops)} "
                "crops, expected one each."
            )


def read_eyes(
    paths: Sequence[Path],
    *,
    table: Path | None = None,
    eye: Eye = "",
    spacing_um: tuple[float, float] | None = None,
    rule: NameRule | None = None,
) -> tuple[EyeScans, ...]:
    """Read scans and sort them into eyes, right before left, scans by name in natural order.

    paths: pictures, stacks, DICOM files, or folders of them. The eye of a file comes from
    ``table`` (CSV with columns file, eye), else its DICOM laterality, else a word of its name
    (OD, OS, R, L, right, left), else of its folder's name. ``eye`` says it for all of them.
    spacing_um: axial and transverse pixel size, where the files don't say.
    rule: how scans and people are called in outputs; see ``output_name``.
    A file that can't be read or used, or of another size than most of its eye's, is left out and
    named in ``left_out``.
    Raises ImageReadError for a folder without scans, InputError where the eye of some file stays
    unknown or contradicts what was said, GeometryError for scans of one eye that differ in size,
    UnsuitableImageError for colour pictures, CT and anything that is no OCT scan; when no scan is
    left, what the first one raised.
    """
    files = [file for path in paths for file in _files(Path(path))]
    if not files:
        raise ImageReadError("No scans were given: expected pictures, DICOM files or a folder.")
    said = _read_table(table, files) if table is not None else {}
    groups: dict[tuple[str, Eye], list[Path]] = {}
    for file in files:
        found = said.get(file) or _eye_of(file)
        if eye and found and found != eye:
            raise InputError(
                f"{file.name} is of the {found} eye by its name or header, but was given as the "
                f"{eye} eye: give each eye's scans apart, or leave the eye to the names."
            )
        groups.setdefault((_person(file, table is not None), eye or found), []).append(file)
    _check_known(groups, files)
    people = sorted({person for person, _ in groups})
    called = {
        person: output_name(person, number, rule, kind="person") if len(people) > 1 else ""
        for number, person in enumerate(people, start=1)
    }
    order = {"right": 0, "left": 1, "": 2}
    eyes: list[EyeScans] = []
    read, lost = 0, []
    for person, side in sorted(groups, key=lambda key: (key[0], order[key[1]])):
        scans = groups[person, side]
        try:
            eyes.append(_read_eye(called[person], side, scans, spacing_um, rule, read))
        except (ImageReadError, UnsuitableImageError) as error:
            if len(files) == 1:
                raise
            lost.append((f"{_label(called[person], side)}: no scan can be used. {error}", error))
        read += len(scans)
    if not eyes:
        raise lost[0][1]
    first = eyes[0]
    notes = (*first.volume.notes, *(words for words, _ in lost))
    eyes[0] = replace(first, volume=replace(first.volume, notes=notes))
    return tuple(eyes)


def parse_eye(text: str | None) -> Eye:
    """The eye that a user wrote (OD, OS, right, left, …); "" for none. Raises InputError."""
    if text is None:
        return ""
    eye = _EYE_WORDS.get(text.strip().lower(), "")
    if not eye:
        raise InputError(f"Eye {text!r}: expected right or left (OD or OS).")
    return eye


def eye_from_volume(volume: Volume, eye: Eye = "", label: str = "") -> EyeScans:
    """One eye from a picture or a stack of scans (scans, y, x) that is already read."""
    grey = grey_scans(volume)
    scans = grey.grid_shape[0]
    names = tuple(f"scan {k + 1}" for k in range(scans)) if scans > 1 else (volume.name,)
    return EyeScans(eye, label or _label("", eye), grey, names)


def grey_scans(volume: Volume) -> Volume:
    """The volume as 8-bit grey scans.

    Colour with three equal channels becomes grey. Integers keep their scale: 12 bit and 16 bit
    are divided by 16 and 257; floats in 0..1 are multiplied by 255.
    Raises UnsuitableImageError for CT, colour, negative values, or a picture without contrast or
    mostly bright: an OCT scan is dark where there is no tissue.
    """
    if volume.modality == "CT":
        raise UnsuitableImageError(
            f"{volume.name} is a CT, expected anterior-segment OCT scans of an eye."
        )
    pixels = _one_channel(volume)
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or not np.isfinite(high):
        raise UnsuitableImageError(
            f"{volume.name} has values down to {low:g}, expected an OCT picture with gray values "
            "from 0."
        )
    if low == high:
        raise UnsuitableImageError(
            f"{volume.name} has the same value {low:g} everywhere, expected an OCT scan."
        )
    scans, notes = _eight_bit(pixels, high, volume.name)
    for k, scan in enumerate(scans):
        _check_dark(scan, f"{volume.name}, scan {k + 1}" if len(scans) > 1 else volume.name)
    return replace(volume, array=scans, notes=(*volume.notes, *notes))


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise ImageReadError(f"{path} does not exist, expected a scan or a folder of scans.")
    if path.is_file():
        return [path]
    inside = [f for f in path.rglob("*") if f.is_file() and not f.name.startswith(".")]
    scans = [f for f in inside if f.suffix.lower() in SCAN_SUFFIXES or is_dicom(f)]
    if not scans:
        raise ImageReadError(
            f"{path} holds no scans: expected {', '.join(SCAN_SUFFIXES[:7])} files."
        )
    return sorted(scans, key=lambda file: natural_order(str(file).lower()))


def _eye_of(file: Path) -> Eye:
    if is_dicom(file):
        side = _laterality(file)
        if side:
            return side
    for name in (file.name.removesuffix(file.suffix), file.parent.name):
        words = {_EYE_WORDS.get(word.lower(), "") for word in _WORD.findall(name)} - {""}
        if len(words) == 2:
            raise InputError(
                f"{file.name}: {name!r} names both eyes, expected one of OD and OS (right, left)."
            )
        if words:
            return words.pop()
    return ""


def _laterality(file: Path) -> Eye:
    import pydicom

    tags = ["Laterality", "ImageLaterality", "FrameLaterality", "SharedFunctionalGroupsSequence"]
    try:
        with file.open("rb") as stream:
            check_deflated(stream, file)
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
    except (OSError, ValueError, pydicom.errors.InvalidDicomError):
        return ""
    values = [header.get(tag) for tag in tags[:3]]
    for group in header.get(tags[3]) or []:
        values += [a.get("FrameLaterality") for a in group.get("FrameAnatomySequence") or []]
    for value in values:
        if value in ("R", "L"):
            return "right" if value == "R" else "left"
    return ""


def _person(file: Path, by_table: bool) -> str:
    """What stands before the eye in a file's name: scans of several people are kept apart."""
    stem = file.name.removesuffix(file.suffix)
    if by_table:
        return ""
    for word in _WORD.finditer(stem):
        if word.group().lower() in _EYE_WORDS:
            return stem[: word.start()].strip(" _-.")
    return ""


def _read_table(table: Path, files: Sequence[Path]) -> dict[Path, Eye]:
    try:
        with Path(table).open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImageReadError(f"Can't read the table {table}: {error}.") from None
    if not rows or not {"file", "eye"} <= set(rows[0]):
        raise InputError(f"{table}: expected a CSV with the columns file and eye.")
    eyes: dict[str, Eye] = {}
    for row in rows:
        side = _EYE_WORDS.get((row["eye"] or "").strip().lower(), "")
        if not side:
            raise InputError(f"{table}: {row['file']} has eye {row['eye']!r}, expected OD or OS.")
        eyes[Path(row["file"]).name] = side
    missing = [file.name for file in files if file.name not in eyes]
    if missing:
        raise InputError(
            f"{table}: no row for {missing[0]} ({len(missing)} of {len(files)} scans are missing)."
        )
    return {file: eyes[file.name] for file in files}


def _check_known(groups: dict[tuple[str, Eye], list[Path]], files: Sequence[Path]) -> None:
    unknown = [file for (_, side), group in groups.items() if not side for file in group]
    if not unknown:
        return
    if len(unknown) < len(files):
        raise InputError(
            f"{len(unknown)} of {len(files)} scans don't say which eye they are of, first "
            f"{unknown[0].name}: expected OD or OS (right, left) in the name of the file or its "
            "folder, or a table."
        )
    if len(files) > 1:
        raise InputError(
            f"The names of {len(files)} scans don't say which eye they are of, first "
            f"{files[0].name}: expected OD or OS (right, left) in the name of the file or its "
            "folder, a table, or one eye said for all."
        )


def _read_eye(
    person: str,
    side: Eye,
    files: list[Path],
    spacing_um: tuple[float, float] | None,
    rule: NameRule | None,
    before: int,
) -> EyeScans:
    """One eye's scans, numbered on from the ``before`` files of other eyes."""
    label = _label(person, side)
    stacks: list[tuple[int, Path, Volume]] = []
    failed: list[tuple[int, Path, str]] = []
    first_error: ImageReadError | UnsuitableImageError | None = None
    for number, file in enumerate(files, start=before + 1):
        try:
            stacks.append((number, file, grey_scans(read_volume(file, names="files"))))
        except (ImageReadError, UnsuitableImageError) as error:
            first_error = first_error or error
            failed.append((number, file, str(error)))
    if first_error is not None and not stacks:
        raise first_error
    sizes = Counter(stack.grid_shape[1:] for _, _, stack in stacks)
    usual, count = sizes.most_common(1)[0]
    if len(sizes) > 1 and 2 * count <= len(stacks):
        words = " and ".join(f"{columns}×{rows}" for rows, columns in sorted(sizes))
        raise GeometryError(f"{label}: its scans are {words} pixels, expected one size.")
    size = f"{usual[1]}×{usual[0]}"
    failed += [
        (
            number,
            file,
            f"{file.name} is {stack.grid_shape[2]}×{stack.grid_shape[1]} pixels, the "
            f"other scans are {size}.",
        )
        for number, file, stack in stacks
        if stack.grid_shape[1:] != usual
    ]
    stacks = [entry for entry in stacks if entry[2].grid_shape[1:] == usual]
    names: list[str] = []
    for number, file, stack in stacks:
        called = output_name(file, number, rule, origin=stack.origin, kind="scan")
        stem, scans = called.removesuffix(file.suffix), stack.grid_shape[0]
        names += [stem] if scans == 1 else [f"{stem} {k + 1}" for k in range(scans)]
    array = np.concatenate([stack.array for _, _, stack in stacks])
    first = stacks[0][2]
    notes = tuple(dict.fromkeys(note for _, _, stack in stacks for note in stack.notes))
    # Scans through one axis have no grid in space: they lie as pictures do, 1 mm apart.
    _, down_mm, across_mm = first.spacing_mm
    matrix = np.diag([-across_mm, -down_mm, 1.0, 1.0])
    volume = Volume(array, matrix, "OPT", label, notes, first.has_spacing)
    if spacing_um is not None:
        volume = with_spacing(volume, spacing_um)
    left_out = tuple(
        _left_out(file, number, rule, reason) for number, file, reason in sorted(failed)
    )
    return EyeScans(side, label, volume, tuple(names), left_out=left_out)


def _left_out(file: Path, number: int, rule: NameRule | None, reason: str) -> str:
    called = output_name(file, number, rule, kind="scan")
    return f"{called}: left out, {reason.replace(file.name, called).removeprefix(called + ': ')}"


def with_spacing(volume: Volume, spacing_um: tuple[float, float]) -> Volume:
    """The scans with a pixel size of (axial, transverse) micrometres, which must be positive."""
    axial, transverse = spacing_um
    if not (0 < axial < 1000 and 0 < transverse < 1000):
        raise InputError(
            f"Pixel size {axial:g} × {transverse:g} µm (axial × transverse): expected both above 0 "
            "and below 1000."
        )
    matrix = np.array(volume.ijk_to_ras)
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    matrix[:3, :3] *= np.array([transverse / 1000, axial / 1000, steps[2]]) / steps
    return replace(volume, ijk_to_ras=matrix, has_spacing=True)


def _label(person: str, side: Eye) -> str:
    return f"{person} {side} eye".strip().capitalize() if not person else f"{person}, {side} eye"


def _one_channel(volume: Volume) -> NDArray:
    if not volume.is_color:
        return volume.array
    channels = volume.array.astype(np.int32)
    spread = np.ptp(channels, axis=-1)
    # Exports burn coloured marks into a corner; a photograph is coloured all over.
    if np.count_nonzero(spread > 16) > 0.02 * spread.size:
        raise UnsuitableImageError(
            f"{volume.name} is a color picture, expected a gray OCT scan (a photograph of an eye "
            "can't be used)."
        )
    return volume.array[..., 1]


def _eight_bit(
    pixels: NDArray, high: float, name: str
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if pixels.dtype == np.uint8:
        return pixels, ()
    if np.issubdtype(pixels.dtype, np.floating):
        if high > 255:
            raise UnsuitableImageError(
                f"{name} has fractional values up to {high:g}, expected 0 to 1 or 0 to 255."
            )
        factor = 255.0 if high <= 1 else 1.0
    else:
        factor = 1.0 if high <= 255 else 1 / 16 if high <= 4095 else 1 / 257
    note = f"Gray values were multiplied by {factor:.4g} to bring them to 8 bit."
    scaled = np.clip(np.rint(pixels * factor), 0, 255).astype(np.uint8)
    return scaled, () if factor == 1 else (note,)


def _check_dark(scan: NDArray[np.uint8], name: str) -> None:
    dark, middle = np.percentile(scan[::4, ::4], [25, 50])
    if dark > 64 or middle > 110:
        raise UnsuitableImageError(
            f"{name} is bright almost everywhere (median gray {middle:.0f} of 255), expected an "
            "OCT scan, dark where there is no tissue."
        )
