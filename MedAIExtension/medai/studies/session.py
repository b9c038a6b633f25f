"""One rater at one image: from opening it to a draft, a submission or a skip.

A mask is written first, under a name of its own; the record that names it and its hash is renamed
into place last. That rename is the moment the work counts. Whenever the process ends before it,
what was there stays whole, and at most a mask without a record is left over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import medai
from medai.errors import GeometryError, StudyError
from medai.images import Segmentation, Volume, segmentation_from_masks, write_segmentation
from medai.output import write_text
from medai.studies.hashes import file_sha256
from medai.studies.protocol import Label
from medai.studies.record import (
    DRAFT,
    SKIPPED,
    SUBMITTED,
    Record,
    Remarks,
    new_session_id,
    record_text,
    utc_text,
)
from medai.studies.study import Study, make_folder

# The most work a crash may cost is 30 s; a save itself takes time.
AUTOSAVE_SECONDS = 20.0


def study_segmentation(
    labels: tuple[Label, ...], masks: Mapping[str, NDArray], volume: Volume
) -> Segmentation:
    """Masks (z, y, x) by label name as a Segmentation with the labels' names, colours and codes.

    Labels that aren't in ``masks`` are empty. Raises StudyError on a label the study lacks,
    GeometryError on a mask of another shape than ``volume``.
    """
    known = {label.name for label in labels}
    for name, mask in masks.items():
        if name not in known:
            raise StudyError(
                f"Label {name!r} is not in the study: expected {', '.join(sorted(known))}."
            )
        if mask.shape != volume.grid_shape:
            raise GeometryError(
                f"Mask of label {name!r} has shape {mask.shape}, "
                f"but image {volume.name!r} has {volume.grid_shape} (z, y, x)."
            )
    empty = np.zeros(volume.grid_shape, np.uint8)
    return segmentation_from_masks(
        {label.name: masks.get(label.name, empty) for label in labels},
        volume.ijk_to_ras,
        colors={label.name: label.color for label in labels},
        terminologies={label.name: label.terminology for label in labels},
    )


class ActiveTime:
    """Seconds spent, pauses left out; it runs from the start."""

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before = seconds
        self._since: float | None = clock()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self._before + (0.0 if self._since is None else self._clock() - self._since)

    @property
    def is_paused(self) -> bool:
        """Whether time stands still."""
        return self._since is None

    def pause(self) -> None:
        """Stop counting."""
        self._before, self._since = self.seconds, None

    def resume(self) -> None:
        """Count on."""
        if self._since is None:
            self._since = self._clock()


@dataclass(eq=False)
class Session:
    """An annotator's sitting on one presentation of one image; made by ``start_session``."""

    study: Study
    rater: str
    image: str
    presentation: int
    volume: Volume
    image_sha256: str
    started: datetime
    id: str
    active: ActiveTime
    continues: str = ""
    corrects: str = ""
    _drafts_tried: int = field(default=0, init=False)

    def save_draft(self, masks: Mapping[str, NDArray], remarks: Remarks) -> Record:
        """Keep the unfinished outlines; the session's draft before this one is then removed.

        masks: (z, y, x) by label name, on the image's grid.
        Raises OutputError when it can't be written; the draft before stays whole then.
        """
        segmentation = study_segmentation(self.study.protocol.labels, masks, self.volume)
        self._drafts_tried += 1
        folder = self.study.draft_folder(self.rater)
        mask = folder / f"{self.id}-{self._drafts_tried}.seg.nrrd"
        record = self._commit(segmentation, mask, folder / f"{self.id}.json", DRAFT, remarks)
        self._remove_draft_masks(keep=mask)
        return record

    def submit(self, masks: Mapping[str, NDArray], remarks: Remarks) -> Record:
        """Hand the outlines in; what is there already is never replaced. The draft is removed.

        masks: (z, y, x) by label name, on the image's grid.
        Raises OutputError when it can't be written; draft and earlier submissions stay whole then.
        """
        segmentation = study_segmentation(self.study.protocol.labels, masks, self.volume)
        folder = self.study.submission_folder(self.rater, self.image)
        mask, sidecar = folder / f"{self.id}.seg.nrrd", folder / f"{self.id}.json"
        if sidecar.exists():
            raise StudyError(f"The outline of image {self.image!r} is already submitted.")
        # An attempt that failed between mask and record left its mask; no record names it.
        mask.unlink(missing_ok=True)
        record = self._commit(segmentation, mask, sidecar, SUBMITTED, remarks)
        self._remove_draft()
        return record

    def skip(self, reason: str) -> Record:
        """Leave the image without an outline, for ``reason``. Raises StudyError without one."""
        if not reason.strip():
            raise StudyError(f"Skipping image {self.image!r} needs a reason.")
        folder = self.study.submission_folder(self.rater, self.image)
        self._require_study_folder()
        make_folder(folder)
        record = self._record(SKIPPED, Remarks(other_reason=reason.strip()))
        write_text(folder / f"{self.id}.json", record_text(record))
        self._remove_draft()
        return record

    def _commit(
        self,
        segmentation: Segmentation,
        mask: Path,
        sidecar: Path,
        outcome: str,
        remarks: Remarks,
    ) -> Record:
        self._require_study_folder()
        make_folder(mask.parent)
        write_segmentation(segmentation, mask)
        record = replace(
            self._record(outcome, remarks), mask=mask.name, mask_sha256=file_sha256(mask)
        )
        write_text(sidecar, record_text(record), overwrite=outcome == DRAFT)
        return record

    def _require_study_folder(self) -> None:
        # A folder that was renamed must not be made again at its old place, with this work in it.
        if not self.study.folder.is_dir():
            raise StudyError(
                f"The study folder {self.study.folder} is gone: put it back, or open the study "
                "where it is now."
            )

    def _record(self, outcome: str, remarks: Remarks) -> Record:
        return Record(
            study=self.study.protocol.id,
            session=self.id,
            rater=self.rater,
            image=self.image,
            presentation=self.presentation,
            outcome=outcome,
            started_utc=utc_text(self.started),
            saved_utc=utc_text(datetime.now(UTC)),
            active_seconds=round(self.active.seconds, 3),
            remarks=remarks,
            image_sha256=self.image_sha256,
            continues=self.continues,
            corrects=self.corrects,
            software=f"MedAI {medai.__version__}",
        )

    def _remove_draft(self) -> None:
        # The record first: it must never name a mask that is gone. A draft that can't be removed
        # is harmless, and must not make a submission look as if it had failed.
        with suppress(OSError):
            (self.study.draft_folder(self.rater) / f"{self.id}.json").unlink(missing_ok=True)
            self._remove_draft_masks()

    def _remove_draft_masks(self, keep: Path | None = None) -> None:
        with suppress(OSError):
            for mask in self.study.draft_folder(self.rater).glob(f"{self.id}-*.seg.nrrd"):
                if mask != keep:
                    mask.unlink(missing_ok=True)


def start_session(
    study: Study,
    rater: str,
    image: str,
    presentation: int,
    volume: Volume,
    *,
    continues: Record | None = None,
    corrects: Record | None = None,
) -> Session:
    """Begin work on ``image``, read as ``volume``.

    continues: the draft that is taken up; its active time counts on. It belongs to another session,
    perhaps still open on another machine, and is left alone. corrects: the rater's own submission
    that this one will replace in the analysis.
    Raises StudyError for an unknown rater or image, or an image that was altered.
    """
    study.protocol.require_rater(rater)
    now = datetime.now(UTC)
    return Session(
        study,
        rater,
        image,
        presentation,
        volume,
        image_sha256=study.require_unaltered_image(image),
        started=now,
        id=new_session_id(now),
        active=ActiveTime(continues.active_seconds if continues else 0.0),
        continues=continues.session if continues else "",
        corrects=corrects.session if corrects else (continues.corrects if continues else ""),
    )
