"""Writing a study out as folders that ``medai agree``, R or any other program reads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.csv_text import csv_text
from medai.errors import MedAIError
from medai.images import Volume, write_segmentation
from medai.output import atomic_folder, write_text
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.create import REGION
from medai.studies.protocol import IMAGE, StudyImage
from medai.studies.provenance import write_provenance
from medai.studies.rater_folder import BETWEEN_RATERS, RATINGS_TABLE
from medai.studies.ratings import RatedImage
from medai.studies.ratings_source import rated_images
from medai.studies.record import SUBMITTED
from medai.studies.session import study_segmentation
from medai.studies.study import Study
from medai.studies.submissions import counting, mask_content, study_records

WITHIN_RATERS = "within_raters"


@dataclass(frozen=True)
class StudyExport:
    """What was written. notes: what was resampled or left out, one line each."""

    folder: Path
    images: int
    masks: int
    repeats: int
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What was written, in one line."""
        repeats = f" and {self.repeats} repeats" if self.repeats else ""
        return f"Exported {self.masks} masks of {self.images} images{repeats} to {self.folder}."


def export_study(
    study: Study,
    folder: Path | str,
    *,
    predictions: Sequence[str] = (),
    overwrite: bool = False,
    license_text: str = "",
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> StudyExport:
    """Write what counts, checked against its hashes, in the layout that ``medai agree`` reads.

        between_raters/<image>/<rater>.seg.nrrd, roi.seg.nrrd, image.*
        between_raters/ratings.csv
        within_raters/<rater>/<image>/first.seg.nrrd, second.seg.nrrd
        submissions.csv                                         every session, skips too
        LICENSE.txt, provenance.json                            see ``write_provenance``

    Raises StudyError when nothing was submitted, OutputError when ``folder`` can't be written.
    """
    folder = Path(folder)
    notes: list[str] = []
    exported: list[RatedImage] = []
    masks = 0
    with atomic_folder(folder, overwrite=overwrite) as work:
        rows = []
        for rated in rated_images(study, predictions=tuple(predictions)):
            raise_if_cancelled(cancelled)
            progress(
                Progress(len(exported) / len(study.protocol.images), f"Image {rated.image.name}")
            )
            _write_image(work / BETWEEN_RATERS / rated.image.name, rated)
            _copy_picture(study, rated.image, work / BETWEEN_RATERS / rated.image.name, notes)
            rows += _rating_rows(rated)
            notes += rated.notes
            exported.append(replace(rated, segmentations={}, region=None))
            masks += len(rated.segmentations)
        write_text(work / BETWEEN_RATERS / RATINGS_TABLE, _csv(rows))
        repeats = _write_repeats(study, work / WITHIN_RATERS, notes)
        write_text(work / "submissions.csv", _csv(_submission_rows(study)))
        write_provenance(study, exported, work, license_text=license_text, notes=notes)
    progress(Progress(1.0, "Exported"))
    return StudyExport(folder, len(exported), masks, repeats, tuple(notes))


def _write_image(folder: Path, rated: RatedImage) -> None:
    for rater, segmentation in rated.segmentations.items():
        write_segmentation(segmentation, folder / f"{rater}.seg.nrrd")
    if rated.region is not None:
        grid = Volume(rated.region, rated.ijk_to_ras, "", rated.image.name)
        region = study_segmentation((REGION,), {REGION.name: rated.region}, grid)
        write_segmentation(region, folder / "roi.seg.nrrd")


def _copy_picture(study: Study, image: StudyImage, folder: Path, notes: list[str]) -> None:
    """The image beside its outlines, so that reports can show what was outlined."""
    source = study.image_path(image.name)
    suffix = ".nii.gz" if source.name.lower().endswith(".nii.gz") else source.suffix.lower()
    try:
        shutil.copyfile(source, folder / f"{IMAGE}{suffix}")
    except FileNotFoundError:
        notes.append(f"{image.name}: the image itself is missing, only its outlines are exported.")


def _write_repeats(study: Study, folder: Path, notes: list[str]) -> int:
    last = counting(study_records(study))
    written = 0
    for (rater, image, presentation), second in sorted(last.items()):
        first = last.get((rater, image, 1))
        if presentation != 2 or first is None:
            continue
        if first.outcome != SUBMITTED or second.outcome != SUBMITTED:
            continue
        try:
            contents = [mask_content(study, record) for record in (first, second)]
        except MedAIError as error:
            notes.append(f"{image}: the repeat of rater {rater} is left out: {error}")
            continue
        target = folder / rater / image
        target.mkdir(parents=True)
        for name, content in zip(("first", "second"), contents, strict=True):
            (target / f"{name}.seg.nrrd").write_bytes(content)
        region = study.region_path(image)
        if region is not None:
            shutil.copyfile(region, target / "roi.seg.nrrd")
        written += 1
    return written


def _rating_rows(rated: RatedImage) -> list[dict[str, object]]:
    return [
        {
            "image": rated.image.name,
            "rater": rater,
            "quality": record.remarks.quality,
            "reasons": "; ".join(record.remarks.reasons),
            "seconds": record.active_seconds,
            **rated.image.covariates,
        }
        for rater, record in rated.records.items()
    ]


def _submission_rows(study: Study) -> list[dict[str, object]]:
    records = study_records(study)
    counted = {record.session for record in counting(records).values()}
    return [
        {
            "rater": record.rater,
            "image": record.image,
            "presentation": record.presentation,
            "session": record.session,
            "outcome": record.outcome,
            "counts": "yes" if record.session in counted else "no",
            "started_utc": record.started_utc,
            "saved_utc": record.saved_utc,
            "active_seconds": record.active_seconds,
            "quality": record.remarks.quality,
            "reasons": "; ".join(record.remarks.reasons),
            "other_reason": record.remarks.other_reason,
            "software": record.software,
        }
        for record in records
    ]


def _csv(rows: Sequence[dict[str, object]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return csv_text(columns, [[row.get(column) for column in columns] for row in rows])
