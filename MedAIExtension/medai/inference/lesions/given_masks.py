"""Lesions that somebody drew, or another tool found, measured as a network's are; no torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import GeometryError, InputError
from medai.images import Volume, read_segmentation, read_volume, resample_mask
from medai.images.hounsfield import require_ct_study
from medai.images.resampling import same_grid
from medai.inference.lesions.lungs_of_study import lungs_of_study
from medai.inference.lesions.result import LesionOptions, LesionResult
from medai.measures import lung_zones, measure_lesions
from medai.measures.correction import compare_with_own
from medai.progress import Progress, ProgressCallback, ignore_progress

if TYPE_CHECKING:
    from medai.models import Model

# Segments of these names are lungs, not lesions: 1 right, 2 left, 3 of unknown side.
LUNG_NAMES = ("right lung", "left lung", "lung")
_MOST_CLASSES = 255


@dataclass(frozen=True, eq=False)
class GivenMasks:
    """Lesions as they were drawn, on the study's own grid.

    lesions: uint8 (z, y, x), 0 or 1 + index into ``classes``. lungs: (z, y, x), 1 right and 2 left,
    when they were drawn too. notes: what was done to get them onto the grid.
    """

    lesions: NDArray[np.uint8]
    classes: tuple[str, ...]
    lungs: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class MeasureOptions:
    """What to measure.

    lesions: the masks, or the file that holds them. lungs: a lung mask on the study's grid (see
    ``lungs_of_study``); None: those drawn with the lesions, else they are found.
    probability: (z, y, x) in 0..1 for the lesions' scores; None: 1 in every lesion.
    own: lesions (z, y, x) as a network found them, when a hand corrected them: the result then has
    the difference as its ``correction``.
    """

    lesions: GivenMasks | Path
    lungs: Volume | None = None
    probability: NDArray[np.float16] | None = None
    own: NDArray[np.uint8] | None = None


def read_given_masks(path: Path, volume: Volume) -> GivenMasks:
    """The lesions in a mask file, on ``volume``'s grid.

    A ``.seg.nrrd`` gives a class for each segment, by name; segments named "right lung" and "left
    lung" are the lungs, and lung zones are passed over. In any other file each value but 0 is a
    class; a single one is "lesion". A mask on another grid is resampled (nearest), and a note says
    so. Raises ImageReadError, GeometryError when it lies elsewhere, InputError for no segment.
    """
    if path.name.lower().endswith(".seg.nrrd"):
        segmentation = read_segmentation(path)
        shape, matrix = segmentation.grid_shape, segmentation.ijk_to_ras
        masks = {
            each.name: segmentation.mask(each).view(np.uint8) for each in segmentation.segments
        }
        masks = {name: mask for name, mask in masks.items() if not name.endswith(" zone")}
    else:
        mask = read_volume(path)
        shape, matrix = mask.grid_shape, mask.ijk_to_ras
        values = [int(value) for value in np.unique(mask.array) if value != 0]
        if len(values) > _MOST_CLASSES:
            raise InputError(
                f"{path.name} has {len(values)} values, expected a mask of at most {_MOST_CLASSES}."
            )
        names = {values[0]: "lesion"} if len(values) == 1 else {v: f"label {v}" for v in values}
        masks = {name: (mask.array == value).view(np.uint8) for value, name in names.items()}
    notes: tuple[str, ...] = ()
    if shape != volume.grid_shape or not same_grid(matrix, volume.ijk_to_ras):
        try:
            masks = {name: resample_mask(mask, matrix, volume) for name, mask in masks.items()}
        except GeometryError as error:
            raise GeometryError(f"{path.name}: {error}") from error
        notes = (f"{path.name} was resampled (nearest) to the grid of {volume.name}.",)
    return given_masks(masks, volume.grid_shape, notes)


def given_masks(
    masks: Mapping[str, NDArray],
    shape: tuple[int, int, int],
    notes: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
) -> GivenMasks:
    """Masks (z, y, x) by name as lesions and lungs; where two overlap, the later one counts.

    classes: names that come first, also when nothing of them is drawn.
    """
    names = [name for name in masks if name not in LUNG_NAMES and name not in classes]
    order = (*classes, *names) or ("lesion",)
    lesions = np.zeros(shape, np.uint8)
    for value, name in enumerate(order, start=1):
        if name in masks:
            lesions[masks[name] != 0] = value
    lungs = np.zeros(shape, np.uint8)
    for value, name in enumerate(LUNG_NAMES, start=1):
        if name in masks:
            lungs[masks[name] != 0] = value
    return GivenMasks(lesions, tuple(order), lungs if lungs.any() else None, notes)


def measure_given(
    volume: Volume,
    model: Model | None,
    options: MeasureOptions,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> LesionResult:
    """Measure given lesions: the numbers and files of a segmentation, without a network.

    volume: CT in HU. model: none is used. Lesion voxels outside the lungs count in the volumes and
    in no percentage (``measures.LesionBurden``).
    Raises UnsuitableImageError, GeometryError, InputError, ImageReadError, CancelledError.
    """
    started = time.monotonic()
    require_ct_study(volume)
    given = options.lesions
    if isinstance(given, Path):
        given = read_given_masks(given, volume)
    if given.lesions.shape != volume.grid_shape:
        raise GeometryError(
            f"{volume.name}: a mask of shape {given.lesions.shape}, expected {volume.grid_shape}."
        )
    progress(Progress(0.05, "Finding the lungs"))
    lungs, note = given.lungs, ""
    if options.lungs is not None or lungs is None:
        lungs, note = lungs_of_study(volume, options.lungs)
    raise_if_cancelled(cancelled)
    zones = lung_zones(lungs, volume)
    probability = options.probability
    if probability is None:
        probability = (given.lesions != 0).astype(np.float16)
    progress(Progress(0.6, "Measuring the lesions"))
    found, burden = measure_lesions(volume, given.lesions, zones, probability, given.classes)
    outside = volume.voxel_volume_ml * np.count_nonzero((given.lesions != 0) & (zones == 0))
    notes = ["Measured from a given mask: no network looked at this study.", *given.notes, note]
    if outside > 0:
        notes.append(f"{outside:.1f} mL lie outside the lungs and count in no percentage.")
    difference = None
    if options.own is not None:
        difference = compare_with_own(options.own, given.lesions, zones, volume.voxel_volume_ml)
    progress(Progress(1.0, "Done"))
    return LesionResult(
        volume=volume,
        lesions=given.lesions,
        classes=given.classes,
        probability=probability,
        score_map=None,
        zones=zones,
        rois=None,
        findings=found,
        burden=burden,
        card=None,
        options=LesionOptions(),
        device="CPU",
        seconds=time.monotonic() - started,
        notes=tuple(each for each in notes if each),
        correction=difference,
    )


def corrected(own: LesionResult, measured: LesionResult) -> LesionResult:
    """A network's result with the lesions and lungs of a measurement of the same study.

    own: as the network gave it, kept in ``of_network``. measured: with a ``correction``, see
    ``MeasureOptions.own``.
    """
    assert measured.correction is not None
    return replace(
        own,
        lesions=measured.lesions,
        classes=measured.classes,
        zones=measured.zones,
        findings=measured.findings,
        burden=measured.burden,
        notes=(measured.correction.sentence, *own.notes, *measured.notes[1:]),
        correction=measured.correction,
        of_network=own,
    )


def read_row(
    path: Path, cells: Mapping[str, str], name: str, device: str
) -> tuple[Volume, MeasureOptions]:
    """The study at ``path``, called ``name``, and what to measure.

    cells: lesions and lungs (paths of masks), series. Raises InputError without lesions, and as
    ``read_volume``.
    """
    if "lesions" not in cells:
        raise InputError(f"{name}: no mask is named, expected one in the column lesions.")
    lungs = read_volume(Path(cells["lungs"])) if "lungs" in cells else None
    volume = replace(read_volume(path, series=cells.get("series")), name=name)
    return volume, MeasureOptions(Path(cells["lesions"]), lungs)
