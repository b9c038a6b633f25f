"""Models' masks in a study, one folder for each model."""

from __future__ import annotations

import shutil
from pathlib import Path

from medai.errors import StudyError
from medai.images import read_volume
from medai.output import atomic_folder, output_error
from medai.studies.finding_images import find_masks
from medai.studies.label_masks import read_label_masks
from medai.studies.names import require_name
from medai.studies.study import Study

_MASK_SUFFIXES = (".seg.nrrd", ".nrrd", ".nii.gz", ".nii", ".mha", ".png")


def predicting_models(study: Study) -> tuple[str, ...]:
    """The models whose masks lie in the study's ``predictions`` folder."""
    folder = study.predictions_folder
    if not folder.is_dir():
        return ()
    return tuple(
        sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    )


def require_predictions(study: Study, model: str) -> None:
    """Raise StudyError when the study has no masks of ``model``."""
    if not (study.predictions_folder / model).is_dir():
        raise StudyError(f"{study.predictions_folder / model} is missing: no such model's masks.")


def prediction_path(study: Study, model: str, image: str) -> Path | None:
    """The mask file of ``model`` for ``image``, or None."""
    for suffix in _MASK_SUFFIXES:
        path = study.predictions_folder / model / f"{image}{suffix}"
        if path.is_file():
            return path
    return None


def add_predictions(study: Study, folder: Path) -> tuple[str, int]:
    """Copy a model's masks into the study; the folder's name is the model's.

    folder: masks named as the study's images. Each is read once against its image, so that one
    that doesn't fit is named now. Returns the model's name and the number of masks.
    Raises StudyError when a name is taken or no image has a mask, GeometryError, OutputError.
    """
    model = require_name(folder.resolve().name, "model")
    if model in study.protocol.raters or model in predicting_models(study):
        raise StudyError(
            f"The study has a rater or model named {model!r} already: rename {folder}."
        )
    images = [Path(image.name) for image in study.protocol.images]
    masks = find_masks(folder, images)
    if not masks:
        raise StudyError(f"{folder} has no masks: expected files named as the study's images.")
    with atomic_folder(study.predictions_folder / model) as work:
        for image, path in masks.items():
            read_label_masks(path, study.protocol.labels, read_volume(study.image_path(image)))
            suffix = next(s for s in _MASK_SUFFIXES if path.name.lower().endswith(s))
            try:
                shutil.copyfile(path, work / f"{image}{suffix}")
            except OSError as error:
                raise output_error(work, error) from error
    return model, len(masks)
