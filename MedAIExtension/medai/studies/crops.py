"""A collection of crops that several readers have outlined already, as a study."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import StudyError
from medai.images import Volume, write_segmentation, write_volume
from medai.output import atomic_folder
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.create import REGION
from medai.studies.hashes import file_sha256
from medai.studies.names import image_name, require_distinct
from medai.studies.owner import sign_study
from medai.studies.protocol import (
    Protocol,
    StudyImage,
    label,
    new_study_id,
    write_protocol,
)
from medai.studies.record import Remarks
from medai.studies.session import ActiveTime, start_session, study_segmentation
from medai.studies.study import Study, open_study

# Each file waits for the disk on its own; several at a time share the wait.
_WRITERS = 16


def import_crops(
    archive: Path | str,
    folder: Path | str,
    *,
    title: str = "",
    label_name: str = "lesion",
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> Study:
    """Make a study in ``folder`` of a NumPy archive (.npz); its readers become ``reader 1`` ….

    The archive holds ``images`` (n, rows, columns[, 3]) of 8 bits, ``masks`` (n, readers, rows,
    columns) of 0 and 1, or packed by ``numpy.packbits`` along the last axis, and may hold ``ids``
    (n,), names of the crops. Pixels are taken as 1 mm, for want of better. The region of interest
    is the box around what any reader marked, grown by half its size on each side: on the whole crop
    the empty background would drown every disagreement.
    Raises StudyError when the archive holds something else, OutputError when ``folder`` can't be
    written or is not empty.
    """
    archive, folder = Path(archive), Path(folder)
    images, masks, names = _read(archive)
    volumes = [_volume(images[k], name) for k, name in enumerate(names)]
    readers = tuple(f"reader {number}" for number in range(1, masks.shape[1] + 1))
    with atomic_folder(folder) as work, ThreadPoolExecutor(_WRITERS) as writers:
        (work / "images").mkdir()
        (work / "regions").mkdir()
        entries = tuple(
            writers.map(lambda k: _write_image(work, volumes[k], masks[k]), range(len(volumes)))
        )
        protocol = Protocol(
            id=new_study_id(),
            title=title or archive.stem,
            labels=(label(label_name),),
            raters=readers,
            images=entries,
        )
        write_protocol(protocol, work)
        sign_study(work, protocol.id)
        study = Study(work, protocol)

        done = count(1)
        total = len(volumes) * len(readers)

        # One after another for each reader, so that the entries of a ledger form one chain.
        def submit(j: int) -> None:
            for k, volume in enumerate(volumes):
                raise_if_cancelled(cancelled)
                session = start_session(study, readers[j], volume.name, 1, volume)
                # How long the reader took isn't known; how long writing takes is no answer.
                session.active = ActiveTime(clock=lambda: 0.0)
                session.submit({label_name: masks[k, j][None]}, Remarks())
                number = next(done)
                progress(Progress(number / total, f"Outline {number} of {total}"))

        list(writers.map(submit, range(len(readers))))
    progress(Progress(1.0, "Study made"))
    return open_study(folder)


def _write_image(work: Path, volume: Volume, masks: NDArray) -> StudyImage:
    file = work / "images" / f"{volume.name}.nrrd"
    write_volume(volume, file)
    region = work / "regions" / f"{volume.name}.seg.nrrd"
    around = {REGION.name: _around(np.any(masks, axis=0))[None]}
    write_segmentation(study_segmentation((REGION,), around, volume), region)
    return StudyImage(
        name=volume.name,
        file=f"images/{file.name}",
        sha256=file_sha256(file),
        region=f"regions/{region.name}",
        region_sha256=file_sha256(region),
    )


def _around(marked: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The box (rows, columns) around what anybody marked, grown by half its size on each side."""
    region = np.zeros(marked.shape, np.uint8)
    if not marked.any():
        return region + 1
    spans = []
    for axis in (1, 0):
        first, last = np.flatnonzero(marked.any(axis=axis))[[0, -1]]
        margin = (last - first + 2) // 2
        spans.append(slice(max(first - margin, 0), last + margin + 1))
    region[tuple(spans)] = 1
    return region


def _volume(pixels: NDArray, name: str) -> Volume:
    # Columns run toward the patient's left, rows toward the back, as in any axial picture.
    return Volume(pixels[None], np.diag([-1.0, -1.0, 1.0, 1.0]), "", name, has_spacing=False)


def _read(archive: Path) -> tuple[NDArray, NDArray, Sequence[str]]:
    try:
        # allow_pickle stays False: an archive from elsewhere must not run code.
        with np.load(archive) as held:
            arrays = {key: held[key] for key in held.files if key in ("images", "masks", "ids")}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise StudyError(f"{archive} can't be read as a NumPy archive (.npz).") from error
    if not {"images", "masks"} <= arrays.keys():
        raise StudyError(f"{archive} has no 'images' and 'masks': expected both.")
    images, masks = arrays["images"], arrays["masks"]
    if images.dtype != np.uint8 or not (
        images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    ):
        raise StudyError(
            f"{archive}: images are {images.dtype} of shape {images.shape}, "
            "expected uint8 of (n, rows, columns) or (n, rows, columns, 3)."
        )
    count, rows, columns = images.shape[:3]
    if masks.ndim == 4 and masks.dtype == np.uint8 and masks.shape[3] == -(-columns // 8) < columns:
        masks = np.unpackbits(masks, axis=-1, count=columns)
    if masks.ndim != 4 or (masks.shape[0], *masks.shape[2:]) != (count, rows, columns):
        raise StudyError(
            f"{archive}: masks have shape {masks.shape}, "
            f"expected ({count}, readers, {rows}, {columns})."
        )
    if not np.isin(masks, (0, 1)).all():
        raise StudyError(f"{archive}: masks hold other values than 0 and 1.")
    ids = arrays.get("ids", np.arange(1, count + 1))
    if ids.shape != (count,):
        raise StudyError(f"{archive}: ids have shape {ids.shape}, expected ({count},).")
    names = [image_name(Path(str(entry).replace("/", "_"))) for entry in ids]
    require_distinct(names, "image")
    return images, masks.astype(np.uint8, copy=False), names
