"""Masks of a study's labels out of any mask file, on the image's own grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import GeometryError, InputError, StudyError
from medai.images import Segmentation, Volume, read_segmentation, read_volume, resample_mask
from medai.images.dicom_masks import read_dicom_masks
from medai.images.resampling import same_grid
from medai.studies.protocol import Label

# A mask that covers more than this is questioned: lesions rarely do, their background does.
LIKELY_INVERTED_SHARE = 0.9


def read_label_masks(
    path: Path, labels: tuple[Label, ...], volume: Volume, foreground: int | None = None
) -> tuple[dict[str, NDArray[np.uint8]], str]:
    """Masks (z, y, x) of 0 and 1 by label name, on ``volume``'s grid, and a note or "".

    A ``.seg.nrrd`` gives segments by name (a single segment stands for a single label, whatever its
    name), and so do DICOM SEG and RTSTRUCT (``.dcm``). In any other file the value k is the k-th
    label; with one label every value but 0 is it.
    foreground: with one label, the value that marks; None is every value but 0.
    A mask on another grid is resampled (nearest), and the note says so.
    Raises ImageReadError when it can't be read, GeometryError when it lies elsewhere, StudyError
    when it has none of the labels.
    """
    if path.name.lower().endswith(".dcm"):
        return _of_dicom(read_dicom_masks(path, volume), labels, path), ""
    if path.name.lower().endswith(".seg.nrrd"):
        segmentation = read_segmentation(path)
        source, matrix = segmentation.grid_shape, segmentation.ijk_to_ras
        found = _by_segment(segmentation, labels, path)
    else:
        mask = read_volume(path)
        source, matrix = mask.grid_shape, mask.ijk_to_ras
        if not mask.has_spacing and source == volume.grid_shape:
            # A picture has no place of its own: pixel for pixel it is the image's.
            matrix = volume.ijk_to_ras
        found = _by_value(mask, labels, path, foreground)
    if source == volume.grid_shape and same_grid(matrix, volume.ijk_to_ras):
        return found, ""
    try:
        resampled = {name: resample_mask(found[name], matrix, volume) for name in found}
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from error
    return resampled, f"{path.name} was resampled (nearest) to the grid of {volume.name}."


def _by_segment(
    segmentation: Segmentation, labels: tuple[Label, ...], path: Path
) -> dict[str, NDArray[np.uint8]]:
    if len(labels) == 1 and len(segmentation.segments) == 1:
        return {labels[0].name: segmentation.mask(segmentation.segments[0]).view(np.uint8)}
    found = {}
    for label in labels:
        try:
            found[label.name] = segmentation.mask(label.name).view(np.uint8)
        except InputError:
            continue
    if not found:
        wanted = ", ".join(label.name for label in labels)
        raise StudyError(f"{path} has none of the study's labels: expected segments {wanted}.")
    return found


def _of_dicom(
    masks: dict[str, NDArray[np.uint8]], labels: tuple[Label, ...], path: Path
) -> dict[str, NDArray[np.uint8]]:
    if len(labels) == 1 and len(masks) == 1:
        return {labels[0].name: next(iter(masks.values()))}
    found = {label.name: masks[label.name] for label in labels if label.name in masks}
    if not found:
        wanted = ", ".join(label.name for label in labels)
        raise StudyError(
            f"{path} has none of the study's labels: expected {wanted}, found {', '.join(masks)}."
        )
    return found


def covered_share(mask: NDArray) -> float:
    """The share of the grid, 0..1, that a mask marks."""
    return float(np.count_nonzero(mask)) / mask.size


def polarity_question(mask: NDArray) -> str:
    """ "covers 97.5 % of the image: is 0 the foreground?", or "" where nobody would ask."""
    share = covered_share(mask)
    if share <= LIKELY_INVERTED_SHARE:
        return ""
    return f"covers {100 * share:.1f} % of the image: is 0 the foreground?"


def require_plausible(mask: NDArray, name: str) -> None:
    """Raise StudyError when a mask covers almost everything, as one with 0 as foreground does."""
    question = polarity_question(mask)
    if question:
        raise StudyError(f"{name} {question} Say which value marks (--foreground VALUE).")


def _by_value(
    mask: Volume, labels: tuple[Label, ...], path: Path, foreground: int | None
) -> dict[str, NDArray[np.uint8]]:
    if len(labels) == 1 and foreground is not None:
        first = mask.array[..., 0] if mask.is_color else mask.array
        return {labels[0].name: np.asarray(first == foreground).view(np.uint8)}
    values = mask.array.any(axis=-1) if mask.is_color else mask.array
    if len(labels) == 1:
        return {labels[0].name: (values != 0).view(np.uint8)}
    highest = int(values.max())
    if highest > len(labels):
        raise StudyError(
            f"{path} holds the value {highest}, but the study has {len(labels)} labels: "
            "expected 0 and the labels' numbers."
        )
    return {
        label.name: (values == number).view(np.uint8)
        for number, label in enumerate(labels, start=1)
    }
