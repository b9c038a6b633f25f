"""One rater at one image: from opening it to a draft, a submission or a skip.

A mask is written first, under a name of its own; the record that names it and its hash is renamed
into place last. That rename is the moment the work counts. Whenever the process ends before it,
what was there stays whole, and at most a mask without a record is left over.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import medai
from medai.errors import GeometryError, MedAIError, OutputError, StudyError, StudyGoneError
from medai.images import Segmentation, Volume, segmentation_from_masks, write_segmentation
from medai.output import as_output_error, atomic_file, write_text
from medai.studies.ledger import Signer, newest_number, settle, write_pending
from medai.studies.protocol import Label
from medai.studies.record import (
    DRAFT,
    SKIPPED,
    SUBMITTED,
    Record,
    Remarks,
    new_session_id,
    read_record,
    record_text,
    utc_text,
)
from medai.studies.rescued import forget_rescued, rescue
from medai.studies.signing import own_signer
from medai.studies.study import Study
from medai.studies.submissions import read_mask

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
    continues_mask: str = ""
    corrects: str = ""
    sign: Signer = field(default_factory=own_signer)
    _drafts_tried: int = field(default=0, init=False)
    _earlier_ids: list[str] = field(default_factory=list, init=False)
    _is_handed_in: bool = field(default=False, init=False)
    _last_number: int = field(default=0, init=False)

    def save_draft(self, masks: Mapping[str, NDArray], remarks: Remarks) -> Record:
        """Keep the unfinished outlines; the session's draft before this one is then removed.

        masks: (z, y, x) by label name, on the image's grid.
        Raises OutputError when it can't be written, StudyGoneError when the study isn't there any
        more; the draft before stays whole then, and this one is kept on the rater's own computer.
        """
        segmentation = study_segmentation(self.study.protocol.labels, masks, self.volume)
        with self._rescuing(segmentation, remarks):
            self._drafts_tried += 1
            folder = self.study.draft_folder(self.rater)
            mask = folder / f"{self.id}-{self._drafts_tried}.seg.nrrd"
            self.study.require_present()
            record = self._write_mask(segmentation, mask, DRAFT, remarks)
            write_text(folder / f"{self.id}.json", record_text(record), overwrite=True)
            self.study.require_present()
        self._remove_draft_masks(self.id, keep=mask)
        forget_rescued(self.study, self.rater, self.id)
        return record

    def submit(self, masks: Mapping[str, NDArray], remarks: Remarks) -> Record:
        """Hand the outlines in; what is there already is never replaced. The draft is removed.

        masks: (z, y, x) by label name, on the image's grid.
        Raises OutputError when it can't be written, StudyGoneError when the study isn't there any
        more; draft and earlier submissions stay whole then, and the outlines are kept as a draft on
        the rater's own computer. Trying again is safe: what did arrive isn't written twice.
        """
        segmentation = study_segmentation(self.study.protocol.labels, masks, self.volume)
        with self._rescuing(segmentation, remarks):
            record = self._hand_in(SUBMITTED, remarks, segmentation)
        self._remove_draft()
        return record

    def skip(self, reason: str) -> Record:
        """Leave the image without an outline, for ``reason``. Raises StudyError without one."""
        if not reason.strip():
            raise StudyError(f"Skipping image {self.image!r} needs a reason.")
        with as_output_error(self.study.folder):
            record = self._hand_in(SKIPPED, Remarks(other_reason=reason.strip()), None)
        self._remove_draft()
        return record

    def _hand_in(self, outcome: str, remarks: Remarks, segmentation: Segmentation | None) -> Record:
        if self._is_handed_in:
            raise StudyError(f"The outline of image {self.image!r} is already submitted.")
        self.study.require_present()
        folder = self.study.submission_folder(self.rater, self.image)
        self.study.make_folder(folder)
        record = self._arrived(folder, outcome, remarks, segmentation)
        if record is None:
            record = self._write_submission(folder, outcome, remarks, segmentation)
        self.study.require_present()
        settle(self.study, self.rater, record.session)
        # A drive that went away in between would have taken it into nowhere.
        self.study.require_present()
        if not (folder / f"{record.session}.json").is_file():
            raise OutputError(f"{folder} didn't keep the submission: try again.")
        self._is_handed_in = True
        return record

    def _arrived(
        self, folder: Path, outcome: str, remarks: Remarks, segmentation: Segmentation | None
    ) -> Record | None:
        """The record of an earlier try that failed only after it was in place, if it is the same.

        With other content it stays, and the session goes on as a new one that corrects it.
        """
        sidecar = folder / f"{self.id}.json"
        if not sidecar.exists():
            return None
        with suppress(MedAIError):
            record = read_record(sidecar)
            same = (record.outcome, record.remarks) == (outcome, remarks)
            if same and (segmentation is None or _is_same(segmentation, self.study, record)):
                return record
        self._earlier_ids.append(self.id)
        self.corrects, self.id = self.id, new_session_id(datetime.now(UTC))
        return None

    def _write_submission(
        self, folder: Path, outcome: str, remarks: Remarks, segmentation: Segmentation | None
    ) -> Record:
        if segmentation is None:
            record = self._record(outcome, remarks)
        else:
            mask = folder / f"{self.id}.seg.nrrd"
            # A try that failed between mask and record left its mask; no record names it.
            mask.unlink(missing_ok=True)
            record = self._write_mask(segmentation, mask, outcome, remarks)
        text = record_text(record)
        write_pending(self.study, record, text, self.sign)
        write_text(folder / f"{self.id}.json", text)
        return record

    def _write_mask(
        self, segmentation: Segmentation, mask: Path, outcome: str, remarks: Remarks
    ) -> Record:
        self.study.make_folder(mask.parent)
        # Hashed before it lies where others may write.
        with TemporaryDirectory(prefix="medai-") as own:
            write_segmentation(segmentation, Path(own) / mask.name)
            content = (Path(own) / mask.name).read_bytes()
        with atomic_file(mask) as temporary:
            temporary.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        return replace(self._record(outcome, remarks), mask=mask.name, mask_sha256=sha256)

    @contextmanager
    def _rescuing(self, segmentation: Segmentation, remarks: Remarks) -> Iterator[None]:
        """Keep the outline on this computer when the study can't take it, and say so."""
        try:
            with as_output_error(self.study.folder):
                yield
        except (OutputError, StudyGoneError) as error:
            self._drafts_tried += 1
            if not self._rescue(segmentation, remarks):
                raise
            raise type(error)(
                f"{error} The outline is kept on this computer and offered when the study can "
                "take it again."
            ) from error

    def _rescue(self, segmentation: Segmentation, remarks: Remarks) -> bool:
        mask = f"{self.id}-{self._drafts_tried}.seg.nrrd"
        record = replace(self._record(DRAFT, remarks), mask=mask)
        return rescue(self.study, record, segmentation)

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
            after=self._ledger_number(),
            continues_mask=self.continues_mask,
        )

    def _ledger_number(self) -> int:
        with suppress(MedAIError):
            self._last_number = newest_number(self.study, self.rater)
        return self._last_number

    def _remove_draft(self) -> None:
        for session in (self.id, *self._earlier_ids):
            # The record first: it must never name a mask that is gone. A draft that can't be
            # removed is harmless, and must not make a submission look as if it had failed.
            with suppress(OSError):
                record = self.study.draft_folder(self.rater) / f"{session}.json"
                record.unlink(missing_ok=True)
                self._remove_draft_masks(session)
        for session in filter(None, (self.id, self.continues, *self._earlier_ids)):
            forget_rescued(self.study, self.rater, session)

    def _remove_draft_masks(self, session: str, keep: Path | None = None) -> None:
        with suppress(OSError):
            for mask in self.study.draft_folder(self.rater).glob(f"{session}-*.seg.nrrd"):
                if mask != keep:
                    mask.unlink(missing_ok=True)


def _is_same(segmentation: Segmentation, study: Study, record: Record) -> bool:
    written = read_mask(study, record)
    return all(
        np.array_equal(segmentation.mask(label.name), written.mask(label.name))
        for label in study.protocol.labels
    )


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
    rater = study.protocol.require_rater(rater)
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
        continues_mask=continues.mask if continues else "",
        corrects=corrects.session if corrects else (continues.corrects if continues else ""),
    )
