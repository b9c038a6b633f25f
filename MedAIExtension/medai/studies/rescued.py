"""Outlines that the study couldn't take, kept in the user's own folder until it can.

A drive that is gone, full or failing must not cost an outline. It is kept here as a draft, on the
rater's own computer, and offered as one when the study is back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from medai.errors import MedAIError
from medai.images import Segmentation, write_segmentation
from medai.output import write_text
from medai.resources import user_folder
from medai.studies.hashes import file_sha256
from medai.studies.record import Record, record_text
from medai.studies.study import Study


def rescue_folder(study: Study, rater: str) -> Path:
    """Where ``rater``'s rescued drafts of ``study`` lie on this computer; it need not exist."""
    return user_folder() / "rescued drafts" / study.protocol.id / rater


def rescue(study: Study, record: Record, segmentation: Segmentation) -> bool:
    """Keep a draft outside the study; whether that was possible.

    record: the draft's; its mask's hash is filled in here.
    """
    # The outline is still on the screen, and the study's own error is the one to show.
    with suppress(MedAIError, OSError):
        folder = rescue_folder(study, record.rater)
        write_segmentation(segmentation, folder / record.mask, overwrite=True)
        kept = replace(record, mask_sha256=file_sha256(folder / record.mask))
        write_text(folder / f"{record.session}.json", record_text(kept), overwrite=True)
        return True
    return False


def forget_rescued(study: Study, rater: str, session: str) -> None:
    """Remove the rescued drafts of a session: the study has its outline now."""
    folder = rescue_folder(study, rater)
    with suppress(OSError):
        # The record first: it must never name a mask that is gone.
        (folder / f"{session}.json").unlink(missing_ok=True)
        for mask in folder.glob(f"{session}-*.seg.nrrd"):
            mask.unlink(missing_ok=True)
