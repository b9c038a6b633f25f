"""One frontal chest radiograph as a picture: which files are one, and how its greys lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import ImageReadError, InputError, UnsuitableImageError
from medai.images.dicom_deflated import check_deflated
from medai.images.dicom_series import is_dicom
from medai.images.output_names import NameRule, output_name
from medai.images.reading import read_volume
from medai.images.study_origin import same_patient
from medai.images.volume import Volume

# DICOM's words for radiography; secondary captures and pictures of any kind say less.
_MODALITIES = ("CR", "DX", "RG", "SC", "OT", "")
_FRONTAL = ("", "PA", "AP")
_CHEST = ("CHEST", "THORAX", "LUNG")
# Exports burn colored marks into a corner; a photograph is colored all over.
_COLORED_SHARE, _COLORED_STEP = 0.02, 16
_LEAST_PX = 64
_TAGS = (
    "ViewPosition",
    "BodyPartExamined",
    "PatientOrientation",
    "PresentationIntentType",
    "PixelIntensityRelationship",
    "BitsStored",
)


@dataclass(frozen=True)
class _Header:
    """What a DICOM file says about how the film was taken, in capitals.

    raw_bits: of a pixel, for a film that is for processing and linear; 0 for any other.
    """

    view: str = ""
    body_part: str = ""
    orientation: tuple[str, ...] = ()
    raw_bits: int = 0


def read_radiographs(paths: Sequence[Path], *, rule: NameRule | None = None) -> tuple[Volume, ...]:
    """Read radiographs of one patient: each a Volume (1, y, x), bright where much was absorbed.

    Raises ImageReadError for a file that can't be read, UnsuitableImageError for what is no
    frontal chest radiograph, InputError for radiographs of different patients.
    """
    if not paths:
        raise ImageReadError("No radiographs were given, expected DICOM files or pictures.")
    films = tuple(read_radiograph(path, k, rule=rule) for k, path in enumerate(paths, start=1))
    for one, other in combinations(films, 2):
        if same_patient(one.origin, other.origin) is False:
            raise InputError(
                f"{one.name} and {other.name} are of different patients, expected those of one."
            )
    return films


def read_radiograph(path: Path, number: int = 1, *, rule: NameRule | None = None) -> Volume:
    """Read one radiograph: DICOM CR or DX, PNG, JPEG, TIFF, BMP.

    number: its place, for its alias; see ``output_name``. A film that DICOM says lies mirrored is
    turned; a raw one (for processing, linear) is brought to a film's greys. Raises as
    ``read_radiographs``.
    """
    volume = read_volume(path, names="files")
    header = _header(path) if path.is_file() and is_dicom(path) else _Header()
    volume = replace(
        volume, name=output_name(path, number, rule, origin=volume.origin, kind="film")
    )
    _check_header(volume, header)
    volume = checked_radiograph(volume)
    pixels, notes = volume.array, []
    if header.orientation[:1] == ("R",):
        pixels = pixels[..., ::-1]
        notes.append("The film was stored mirrored and was turned.")
    if header.raw_bits:
        pixels = _developed(pixels, header.raw_bits)
        notes.append("The film is raw (for processing); its grays were brought to a film's.")
    return replace(volume, array=np.ascontiguousarray(pixels), notes=(*volume.notes, *notes))


def checked_radiograph(volume: Volume) -> Volume:
    """The volume as one grey picture (1, y, x).

    Raises UnsuitableImageError for CT and other modalities, several slices, color, and a picture
    that is too small or of one grey.
    """
    name = volume.name
    if volume.modality == "CT":
        raise UnsuitableImageError(f"{name} is a CT, expected a chest X-ray (CR or DX).")
    if volume.modality not in _MODALITIES:
        raise UnsuitableImageError(
            f"{name} is {volume.modality}, expected a chest X-ray (CR or DX)."
        )
    if volume.grid_shape[0] > 1:
        raise UnsuitableImageError(
            f"{name} has {volume.grid_shape[0]} slices, expected one frontal chest X-ray."
        )
    if min(volume.grid_shape[1:]) < _LEAST_PX:
        rows, columns = volume.grid_shape[1:]
        raise UnsuitableImageError(
            f"{name} is {columns}×{rows} pixels, expected at least {_LEAST_PX} on a side."
        )
    pixels = _grey(volume)
    if not np.isfinite(pixels).all() or pixels.min() == pixels.max():
        raise UnsuitableImageError(f"{name} shows one gray alone, expected a chest X-ray.")
    return replace(volume, array=pixels)


def _grey(volume: Volume) -> NDArray:
    if not volume.is_color:
        return volume.array
    spread = np.ptp(volume.array.astype(np.int32), axis=-1)
    if np.count_nonzero(spread > _COLORED_STEP) > _COLORED_SHARE * spread.size:
        raise UnsuitableImageError(
            f"{volume.name} is a color picture, expected a gray chest X-ray (a photograph of a "
            "film can't be used)."
        )
    return volume.array[..., 1]


def _check_header(volume: Volume, header: _Header) -> None:
    if header.view not in _FRONTAL:
        raise UnsuitableImageError(
            f"{volume.name} is a lateral or oblique view ({header.view}), expected a frontal one "
            "(PA or AP)."
        )
    if header.body_part and not any(word in header.body_part for word in _CHEST):
        raise UnsuitableImageError(
            f"{volume.name} shows {header.body_part.lower()}, expected the chest."
        )
    if header.orientation and not {"L", "R"} & {header.orientation[0][:1]}:
        raise UnsuitableImageError(
            f"{volume.name} lies turned or is lateral (rows toward {header.orientation[0]}), "
            "expected an upright frontal film."
        )


def _header(path: Path) -> _Header:
    import pydicom

    try:
        with path.open("rb") as stream:
            check_deflated(stream, path)
        found = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except (OSError, ValueError, pydicom.errors.InvalidDicomError):
        return _Header()
    texts = {tag: str(found.get(tag) or "").strip().upper() for tag in _TAGS}
    orientation = found.get("PatientOrientation") or ()
    is_raw = texts["PresentationIntentType"] == "FOR PROCESSING" and texts[
        "PixelIntensityRelationship"
    ] in ("", "LIN")
    return _Header(
        texts["ViewPosition"],
        texts["BodyPartExamined"],
        tuple(str(word).upper() for word in orientation if str(word)),
        int(found.get("BitsStored") or 0) if is_raw else 0,
    )


def _developed(pixels: NDArray, bits: int) -> NDArray[np.uint16]:
    """Film greys of a raw picture, read so that it is bright where much was absorbed: what came
    through is counted down from its full range, and a film shows the logarithm."""
    through = np.clip(2.0**bits - 1 - pixels.astype(np.float64), 0, None) + 1.0
    absorbed = np.log(through.max()) - np.log(through)
    return np.rint(absorbed / max(float(absorbed.max()), 1e-9) * 65535).astype(np.uint16)
