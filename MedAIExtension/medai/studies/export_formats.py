"""A study's outlines in the layouts that other programs read: COCO, nnU-Net, BIDS, a long CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import medai
from medai.agreement.consensus import majority
from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.csv_text import csv_text
from medai.errors import StudyError
from medai.images import Volume, read_volume
from medai.images.nifti_writing import write_nifti
from medai.output import atomic_folder, write_text
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.export import StudyExport
from medai.studies.names import require_distinct
from medai.studies.provenance import write_provenance
from medai.studies.ratings import RatedImage
from medai.studies.ratings_source import rated_images
from medai.studies.study import Study

_BIDS_VERSION = "1.10.0"
_CSV_COLUMNS = (
    *("image", "rater", "label", "marked_voxels", "volume_ml", "slices", "quality", "reasons"),
    *("active_seconds", "session", "saved_utc"),
)

# The study, its rated images, the folder to fill; gives back what should be known, one line each.
Writer = Callable[[Study, Sequence[RatedImage], Path], list[str]]


def export_as(
    study: Study,
    folder: Path,
    layout: str,
    *,
    license_text: str = "",
    overwrite: bool = False,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> StudyExport:
    """Write what counts in one of ``LAYOUTS``, with LICENSE.txt and provenance.json.

    license_text: under which terms, in the owner's words. Raises StudyError when nothing was
    submitted or the layout can't hold it, OutputError when ``folder`` can't be written.
    """
    rated: list[RatedImage] = []
    for one in rated_images(study):
        raise_if_cancelled(cancelled)
        progress(Progress(len(rated) / len(study.protocol.images), f"Image {one.image.name}"))
        rated.append(one)
    with atomic_folder(folder, overwrite=overwrite) as work:
        notes = [note for one in rated for note in one.notes]
        notes += LAYOUTS[layout](study, rated, work)
        write_provenance(study, rated, work, license_text=license_text, notes=notes)
    progress(Progress(1.0, "Exported"))
    masks = sum(len(one.segmentations) for one in rated)
    return StudyExport(folder, len(rated), masks, 0, tuple(notes))


def write_coco(study: Study, rated: Sequence[RatedImage], folder: Path) -> list[str]:
    """annotations.json with a run-length mask of each rater and label, and images/ as PNG.

    Each annotation names its rater; an empty outline is an annotation of area 0, so that who saw
    nothing is told from who didn't look. Raises StudyError for volumes and more than 8 bits.
    """
    from PIL import Image

    (folder / "images").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for one in rated:
        volume = read_volume(study.image_path(one.image.name))
        if len(volume.array) != 1 or volume.array.dtype != np.uint8:
            raise StudyError(
                f"{one.image.name} is no picture of 8 bits: COCO holds nothing else. Choose "
                "nnunet or bids."
            )
        file = f"{one.image.name}.png"
        Image.fromarray(np.ascontiguousarray(volume.array[0])).save(folder / "images" / file)
        _, height, width = volume.grid_shape
        images.append({"id": len(images) + 1, "file_name": file, "height": height, "width": width})
        for rater, segmentation in one.segmentations.items():
            for number, label in enumerate(study.protocol.labels, start=1):
                mask = segmentation.mask(label.name)[0]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "category_id": number,
                        "rater": rater,
                        "iscrowd": 1,
                        "area": int(mask.sum()),
                        "bbox": _box(mask),
                        "segmentation": {"size": [height, width], "counts": _runs(mask)},
                    }
                )
    document = {
        "info": {"description": study.protocol.title, "version": medai.__version__},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": number, "name": label.name}
            for number, label in enumerate(study.protocol.labels, start=1)
        ],
    }
    write_text(folder / "annotations.json", json.dumps(document, ensure_ascii=False) + "\n")
    return []


def write_nnunet(study: Study, rated: Sequence[RatedImage], folder: Path) -> list[str]:
    """dataset.json, imagesTr/ and labelsTr/ as nnU-Net v2 trains on; labels: the majority's."""
    (folder / "imagesTr").mkdir()
    (folder / "labelsTr").mkdir()
    notes, channels = [], 1
    for one in rated:
        volume = read_volume(study.image_path(one.image.name))
        colors = np.moveaxis(volume.array, -1, 0) if volume.is_color else volume.array[None]
        if channels not in (1, len(colors)):
            raise StudyError(f"{one.image.name} has no color, others have: expected one kind.")
        channels = len(colors)
        for channel, values in enumerate(colors):
            path = folder / "imagesTr" / f"{one.image.name}_{channel:04d}.nii.gz"
            write_nifti(path, values, volume.ijk_to_ras)
        labels = np.zeros(volume.grid_shape, np.uint8)
        for number, label in enumerate(study.protocol.labels, start=1):
            mask = majority([s.mask(label.name) for s in one.segmentations.values()]).mask > 0
            if labels[mask].any():
                notes.append(
                    f"{one.image.name}: {label.name} overlaps an earlier label and replaces it."
                )
            labels[mask] = number
        write_nifti(folder / "labelsTr" / f"{one.image.name}.nii.gz", labels, volume.ijk_to_ras)
        if len(one.segmentations) % 2 == 0:
            notes.append(f"{one.image.name}: where its raters are divided in half, nothing is.")
    names = ["R", "G", "B"] if channels == 3 else ["CT" if _is_ct(study, rated) else "gray"]
    document = {
        "channel_names": {str(number): name for number, name in enumerate(names)},
        "labels": {"background": 0}
        | {label.name: number for number, label in enumerate(study.protocol.labels, start=1)},
        "numTraining": len(rated),
        "file_ending": ".nii.gz",
        "name": study.protocol.title,
    }
    write_text(folder / "dataset.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return notes


def write_bids(study: Study, rated: Sequence[RatedImage], folder: Path) -> list[str]:
    """A BIDS derivative: sub-<image>/anat/…_desc-<rater>_label-<label>_mask.nii.gz."""
    subjects = _bids_names([one.image.name for one in rated], "image")
    raters = _bids_names(sorted({r for one in rated for r in one.segmentations}), "rater")
    labels = _bids_names([label.name for label in study.protocol.labels], "label")
    description = {
        "Name": study.protocol.title,
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "MedAI", "Version": medai.__version__}],
    }
    text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
    write_text(folder / "dataset_description.json", text)
    for one in rated:
        subject = f"sub-{subjects[one.image.name]}"
        into = folder / subject / "anat"
        for rater, segmentation in one.segmentations.items():
            for label, word in labels.items():
                name = f"{subject}_desc-{raters[rater]}_label-{word}_mask"
                mask = segmentation.mask(label).view(np.uint8)
                write_nifti(into / f"{name}.nii.gz", mask, one.ijk_to_ras)
                about = {"Type": "Manual", "Rater": rater, "Label": label}
                write_text(into / f"{name}.json", json.dumps(about, ensure_ascii=False) + "\n")
    return []


def write_long_csv(study: Study, rated: Sequence[RatedImage], folder: Path) -> list[str]:
    """outlines.csv: a row for each image, rater and label."""
    rows = []
    for one in rated:
        for rater, segmentation in one.segmentations.items():
            record = one.records.get(rater)
            for label in study.protocol.labels:
                mask = segmentation.mask(label.name)
                grid = Volume(mask, one.ijk_to_ras, "", one.image.name)
                rows.append(
                    [
                        one.image.name,
                        rater,
                        label.name,
                        int(mask.sum()),
                        float(mask.sum()) * grid.voxel_volume_ml,
                        int(mask.any(axis=(1, 2)).sum()),
                        record.remarks.quality if record else "",
                        "; ".join(record.remarks.reasons) if record else "",
                        record.active_seconds if record else None,
                        record.session if record else "",
                        record.saved_utc if record else "",
                    ]
                )
    write_text(folder / "outlines.csv", csv_text(_CSV_COLUMNS, rows))
    return []


LAYOUTS: dict[str, Writer] = {
    "coco": write_coco,
    "nnunet": write_nnunet,
    "bids": write_bids,
    "csv": write_long_csv,
}


def _is_ct(study: Study, rated: Sequence[RatedImage]) -> bool:
    return all(read_volume(study.image_path(one.image.name)).modality == "CT" for one in rated)


def _bids_names(names: Sequence[str], what: str) -> dict[str, str]:
    """BIDS allows letters and digits alone. Raises StudyError when two names become one."""
    plain = {name: re.sub(r"[^A-Za-z0-9]", "", name) or "x" for name in names}
    require_distinct(plain.values(), what)
    return plain


def _box(mask: NDArray[np.bool_]) -> list[int]:
    """Left, top, width, height."""
    if not mask.any():
        return [0, 0, 0, 0]
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return [
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    ]


def _runs(mask: NDArray[np.bool_]) -> list[int]:
    """Run lengths down each column, unmarked first, as COCO has them."""
    values = mask.T.ravel().astype(np.int8)
    changes = np.flatnonzero(np.diff(values, prepend=0))
    return [int(run) for run in np.diff([0, *changes, len(values)])]
