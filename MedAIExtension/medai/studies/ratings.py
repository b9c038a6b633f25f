"""A study's submissions as the ratings that agreement is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from medai.agreement.ratings import ImageRatings
from medai.errors import GeometryError, MedAIError
from medai.images import Segmentation, Volume, read_volume, resample_mask
from medai.images.reading import PICTURE_SUFFIXES
from medai.images.resampling import same_grid
from medai.studies.create import REGION
from medai.studies.label_masks import read_label_masks
from medai.studies.predictions import prediction_path
from medai.studies.protocol import StudyImage
from medai.studies.ratings_table import QUALITY_SCORES
from medai.studies.record import SUBMITTED, Record
from medai.studies.session import study_segmentation
from medai.studies.study import Study
from medai.studies.submissions import read_mask, study_counted

# What a rater's two outlines of a repeated image are called.
REPEATS = ("first", "second")


@dataclass(frozen=True, eq=False)
class RatedImage:
    """One image with everybody's outlines on the image's own grid.

    segmentations: by rater, sorted as their files; models among them. records: of raters alone.
    region: (z, y, x) of 0 and 1, or None for the whole image. ijk_to_ras: of the image, 4×4 in mm.
    notes: what was resampled or left out, one line each.
    """

    image: StudyImage
    ijk_to_ras: NDArray[np.float64]
    segmentations: Mapping[str, Segmentation]
    records: Mapping[str, Record]
    region: NDArray[np.uint8] | None
    notes: tuple[str, ...] = field(default=())

    def ratings(self, label: str) -> ImageRatings:
        """Masks of one label as input for ``medai.agreement``.

        Covariates are the image's own, the mean quality (low −1, normal 0, high 1) and the mean
        active seconds, those of imported outlines, which nobody measured, left out.
        """
        if not self.segmentations:
            return ImageRatings(self.image.name, np.empty((0, 1, 1, 1), np.uint8), ())
        masks = [s.mask(label).view(np.uint8) for s in self.segmentations.values()]
        grid = Volume(masks[0], self.ijk_to_ras, "", self.image.name)
        is_picture = Path(self.image.file).suffix.lower() in PICTURE_SUFFIXES
        records = list(self.records.values())
        covariates = dict(self.image.covariates)
        if records:
            quality = [QUALITY_SCORES[record.remarks.quality] for record in records]
            covariates["quality"] = float(np.mean(quality))
            seconds = [record.active_seconds for record in records if record.active_seconds > 0]
            if seconds:
                covariates["seconds"] = float(np.mean(seconds))
        return ImageRatings(
            name=self.image.name,
            masks=np.stack(masks),
            raters=tuple(self.segmentations),
            roi=self.region,
            # A photograph's millimeters stand in for what nobody knows.
            spacing_mm=None if is_picture else grid.spacing_mm,
            covariates=covariates,
        )


def repeated_ratings(study: Study, label: str) -> dict[str, list[ImageRatings]]:
    """By rater, each repeated image with the rater's first and second outline as two raters.

    Outlines that are damaged or altered are passed over. Empty when nothing was repeated.
    """
    last = study_counted(study).records
    pairs: dict[str, list[ImageRatings]] = {}
    for (rater, name, presentation), second in sorted(last.items()):
        first = last.get((rater, name, 1))
        outlined = [r for r in (first, second) if r is not None and r.outcome == SUBMITTED]
        if presentation != 2 or len(outlined) != 2:
            continue
        image = study.protocol.image(name)
        rated = read_rated_image(study, image, dict(zip(REPEATS, outlined, strict=True)), ())
        if len(rated.segmentations) == 2:
            pairs.setdefault(rater, []).append(rated.ratings(label))
    return pairs


def read_rated_image(
    study: Study,
    image: StudyImage,
    records: Mapping[str, Record],
    predictions: Sequence[str],
    earlier: Mapping[str, Sequence[Record]] = MappingProxyType({}),
) -> RatedImage:
    """One image with the outlines of ``records`` (by rater) and the models' masks.

    earlier: by rater, what stands in for an outline that can't be read, newest first. What can't be
    used is left out with a note; the result may hold no outline at all.
    """
    notes: list[str] = []
    found: dict[str, Segmentation] = {}
    records = dict(records)
    for rater in list(records):
        for number, record in enumerate((records[rater], *earlier.get(rater, ()))):
            try:
                found[rater] = read_mask(study, record)
            except MedAIError as error:
                notes.append(f"{image.name}: rater {rater} is left out: {error}")
                continue
            if number:
                notes.append(
                    f"{image.name}: an earlier submission of rater {rater}, {record.session}, "
                    "stands in for the damaged one."
                )
            records[rater] = record
            break
    grids = list(found.values())
    one_grid = all(
        other.grid_shape == grids[0].grid_shape and same_grid(other.ijk_to_ras, grids[0].ijk_to_ras)
        for other in grids
    )
    if grids and one_grid:
        # The masks' own grid is the image's: there is no need to read the image.
        volume = Volume(grids[0].layers[0], grids[0].ijk_to_ras, "", image.name)
    else:
        volume = read_volume(study.image_path(image.name))
    for rater in list(found):
        _bring_to_grid(found, rater, volume, notes)
    for model in predictions:
        path = prediction_path(study, model, image.name)
        if path is None:
            notes.append(f"{image.name}: model {model} has no mask for it.")
            continue
        try:
            masks, note = read_label_masks(path, study.protocol.labels, volume)
        except MedAIError as error:
            notes.append(f"{image.name}: model {model} is left out: {error}")
            continue
        notes += [note] if note else []
        found[model] = study_segmentation(study.protocol.labels, masks, volume)
    region = None
    region_path = study.region_path(image.name)
    if region_path is not None:
        masks, _ = read_label_masks(region_path, (REGION,), volume)
        region = masks[REGION.name]
    return RatedImage(
        image=image,
        ijk_to_ras=volume.ijk_to_ras,
        segmentations={name: found[name] for name in sorted(found, key=_file_order)},
        records={r: records[r] for r in sorted(records, key=_file_order) if r in found},
        region=region,
        notes=tuple(notes),
    )


def _file_order(rater: str) -> str:
    # As the files of an export are sorted: what is computed then is the same to the last digit.
    return f"{rater}.seg.nrrd"


def _bring_to_grid(
    found: dict[str, Segmentation], rater: str, volume: Volume, notes: list[str]
) -> None:
    segmentation = found[rater]
    if segmentation.grid_shape == volume.grid_shape and same_grid(
        segmentation.ijk_to_ras, volume.ijk_to_ras
    ):
        return
    try:
        layers = [
            resample_mask(layer, segmentation.ijk_to_ras, volume) for layer in segmentation.layers
        ]
    except GeometryError as error:
        del found[rater]
        notes.append(f"{volume.name}: rater {rater} is left out: {error}")
        return
    found[rater] = replace(segmentation, layers=np.stack(layers), ijk_to_ras=volume.ijk_to_ras)
    notes.append(f"{volume.name}: the mask of rater {rater} was resampled (nearest) to the image.")
