"""A plain folder of masks, one folder per image, one file per rater: what ``medai agree`` reads.

STUDY/<image>/<rater>.seg.nrrd   or .nrrd, .nii.gz, .nii, .mha, .png, .tif, .bmp
STUDY/<image>/roi.*              where ratings count (optional)
STUDY/<image>/image.*            the picture itself, for the report (optional)
STUDY/ratings.csv                image, rater, quality, reasons, seconds, covariates (optional)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.agreement.quality_remarks import QualityRemarks
from medai.agreement.ratings import ImageRatings
from medai.errors import GeometryError, ImageReadError, StudyError
from medai.images import Volume, read_segmentation, read_volume, resample_mask
from medai.images.resampling import same_grid
from medai.studies.label_masks import polarity_question
from medai.studies.protocol import IMAGE, ROI
from medai.studies.ratings_source import RatedCase
from medai.studies.ratings_table import RatingsTable, read_ratings_table

MASK_SUFFIXES = (".seg.nrrd", ".nii.gz", ".nrrd", ".nii", ".mha", ".png", ".tif", ".tiff", ".bmp")
_PICTURE_SUFFIXES = (*MASK_SUFFIXES[1:], ".jpg", ".jpeg")


RATINGS_TABLE = "ratings.csv"
# The folder of an export of a study that holds what rater folders hold.
BETWEEN_RATERS = "between_raters"
LAYOUT = "a folder per image with a mask file per rater (image/rater.png, .nrrd, .nii.gz, …)"


@dataclass(frozen=True, eq=False)
class RaterFolder:
    """A folder of ratings; images are read one by one, by name.

    masks: by image, by rater, the file. label: the segment (or value) to compare where a file holds
    several. foreground: in pictures and volumes, the value that marks; None is every value but 0.
    notes: files that were passed over.
    """

    folder: Path
    masks: dict[str, dict[str, Path]]
    table: RatingsTable
    label: str | None = None
    notes: tuple[str, ...] = field(default=())
    foreground: int | None = None

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images, sorted."""
        return tuple(self.masks)

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of everybody who rated anything, sorted."""
        return tuple(sorted({rater for files in self.masks.values() for rater in files}))

    def read(self, image: str) -> RatedCase:
        """Read all masks of one image onto one grid, that of the region of interest or the first.

        Raises ImageReadError for a damaged file, StudyError for values that are no mask,
        GeometryError for masks that don't fit together; each names the file.
        """
        files = self.masks[image]
        notes: list[str] = []
        region_path = _file_of(self.folder / image, ROI, MASK_SUFFIXES)
        region = None if region_path is None else _read_mask(region_path, None, None)
        volumes = {
            rater: _read_mask(path, self.label, self.foreground) for rater, path in files.items()
        }
        reference = region if region is not None else next(iter(volumes.values()))
        grids = []
        for rater, volume in volumes.items():
            mask, moved = _onto(volume, reference, files[rater])
            grids.append(mask)
            question = "" if self.foreground is not None else polarity_question(mask)
            if question:
                notes.append(f"{image}: {files[rater].name} {question} (--foreground VALUE)")
            if moved:
                notes.append(f"{image}: {files[rater].name} was resampled (nearest).")
        return RatedCase(
            ratings=ImageRatings(
                name=image,
                masks=np.stack(grids),
                raters=tuple(volumes),
                roi=None if region is None else region.array,
                spacing_mm=reference.spacing_mm if reference.has_spacing else None,
                covariates=self.table.covariates(image),
            ),
            ijk_to_ras=reference.ijk_to_ras,
            has_spacing=reference.has_spacing,
            notes=tuple(notes),
        )

    def remarks(self) -> QualityRemarks:
        """What the table says of the images' quality."""
        return self.table.remarks(self.images)

    def picture(self, image: str) -> Volume | None:
        """The picture beside the masks, if there is one."""
        path = _file_of(self.folder / image, IMAGE, _PICTURE_SUFFIXES)
        return None if path is None else read_volume(path)


def open_rater_folder(
    folder: Path | str,
    *,
    label: str | None = None,
    notes: Sequence[str] = (),
    foreground: int | None = None,
) -> RaterFolder:
    """Find the images and raters of a folder; nothing but the table is read yet.

    label: the segment's name, or the value in a label map, to compare. notes: what is known about
    the folder already. foreground: see RaterFolder.
    Raises StudyError when there is no such folder, no image with a mask, or the table is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"{folder} is not a folder: expected {LAYOUT}.")
    if (folder / BETWEEN_RATERS).is_dir():
        folder = folder / BETWEEN_RATERS  # What ``medai study export`` wrote.
    masks: dict[str, dict[str, Path]] = {}
    passed_over: list[str] = []
    for image_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        if image_folder.name.startswith("."):
            continue
        found = _mask_files(image_folder, passed_over)
        if found:
            masks[image_folder.name] = found
        else:
            passed_over.append(f"{image_folder.name} is passed over: it holds no mask.")
    if not masks:
        raise StudyError(f"{folder} holds no masks: expected {LAYOUT}.")
    raters = {rater for found in masks.values() for rater in found}
    if len(raters) > len(masks) > 1 and all(set(found) == raters for found in masks.values()):
        passed_over.append(
            f"{len(masks)} images with {len(raters)} raters each: if these are {len(masks)} raters "
            f"of {len(raters)} images, expected {LAYOUT}."
        )
    path = folder / RATINGS_TABLE
    table = read_ratings_table(path) if path.is_file() else RatingsTable({}, {}, {})
    unknown = sorted(set(table.images) - set(masks))
    if unknown:
        passed_over.append(f"{RATINGS_TABLE} names images without masks: {', '.join(unknown[:5])}.")
    return RaterFolder(folder, masks, table, label, (*notes, *passed_over), foreground)


def _mask_files(folder: Path, notes: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = path.name
        suffix = next((s for s in MASK_SUFFIXES if name.lower().endswith(s)), None)
        if name.startswith(".") or not path.is_file():
            continue
        stem = name[: -len(suffix)] if suffix else path.stem
        if stem.lower() in (ROI, IMAGE):
            continue
        if suffix is None or not stem:
            notes.append(f"{folder.name}/{name} is passed over: not a kind of mask that is read.")
            continue
        if stem in found:
            raise StudyError(
                f"{folder.name}: rater {stem} has two masks, {found[stem].name} and {name}."
            )
        found[stem] = path
    return found


def _file_of(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    for path in sorted(folder.iterdir()):
        if path.name.lower() in {stem + suffix for suffix in suffixes} and path.is_file():
            return path
    return None


def _read_mask(path: Path, label: str | None, foreground: int | None) -> Volume:
    """The mask of one file as 0 and 1 on the file's own grid."""
    name = f"{path.parent.name}/{path.name}"
    try:
        if path.name.lower().endswith(".seg.nrrd"):
            return _segment_mask(path, name, label)
        volume = read_volume(path)
    except ImageReadError as error:
        raise ImageReadError(f"{path.parent.name}: {error}") from error
    if volume.is_color:
        raise StudyError(f"{name} is a color picture: expected a mask of 0 and one other value.")
    values = np.unique(volume.array)
    if foreground is not None:
        mask = volume.array == foreground
    elif label is not None and len(values) > 2:
        try:
            wanted = float(label)
        except ValueError:
            raise StudyError(
                f"{name} is a label map, so the label has to be one of its values, not {label!r}."
            ) from None
        mask = volume.array == wanted
    elif len(values) > 2 or (len(values) == 2 and values[0] != 0):
        raise StudyError(
            f"{name} holds {len(values)} different values: expected 0 and one other, or a label to "
            "compare (--label)."
        )
    else:
        mask = volume.array != 0
    return _as_mask(volume.ijk_to_ras, mask, name, has_spacing=volume.has_spacing)


def _segment_mask(path: Path, name: str, label: str | None) -> Volume:
    segmentation = read_segmentation(path)
    segments = segmentation.segments
    if label is not None and len(segments) > 1:
        mask = segmentation.mask(label)
    elif len(segments) > 1:
        names = ", ".join(repr(segment.name) for segment in segments)
        raise StudyError(f"{name} holds the segments {names}: choose one to compare (--label).")
    elif segments:
        mask = segmentation.mask(segments[0])
    else:
        mask = np.zeros(segmentation.grid_shape, dtype=bool)
    return _as_mask(segmentation.ijk_to_ras, mask, name, has_spacing=True)


def _as_mask(
    ijk_to_ras: NDArray[np.float64], mask: NDArray[np.bool_], name: str, *, has_spacing: bool
) -> Volume:
    return Volume(mask.view(np.uint8), ijk_to_ras, "", name, has_spacing=has_spacing)


def _onto(volume: Volume, reference: Volume, path: Path) -> tuple[NDArray[np.uint8], bool]:
    """The mask on the reference's grid, and whether it had to be resampled."""
    alike = volume.grid_shape == reference.grid_shape
    without_place = not (volume.has_spacing and reference.has_spacing)
    if alike and (without_place or same_grid(volume.ijk_to_ras, reference.ijk_to_ras)):
        return volume.array, False
    if without_place:
        raise GeometryError(
            f"{volume.name} has {volume.grid_shape} pixels (z, y, x), {reference.name} "
            f"{reference.grid_shape}: expected equal sizes."
        )
    try:
        return resample_mask(volume.array, volume.ijk_to_ras, reference), True
    except GeometryError as error:
        raise GeometryError(f"{path.parent.name}/{path.name}: {error}") from error
