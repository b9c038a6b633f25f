"""A study folder that several people share: where everything in it lies.

    study.toml                                      protocol (never changed once written)
    images/                                         what is outlined
    regions/                                        regions of interest
    references/                                     right answers of training images
    predictions/<model>/<image>.seg.nrrd            a model's masks, compared as one more rater
    submissions/<rater>/<image>/<session>.seg.nrrd  a submitted mask, and beside it …
    submissions/<rater>/<image>/<session>.json      … the record that makes it count
    drafts/<rater>/                                 unfinished outlines

Each rater writes only below their own name, and a session's id is unique, so no two people or
machines ever write the same file: there is nothing to lock.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from medai.errors import StudyError
from medai.output import output_error, sync_folder
from medai.studies.hashes import file_sha256
from medai.studies.protocol import Protocol, read_protocol


@dataclass(frozen=True)
class Study:
    """An open study: its folder and its protocol."""

    folder: Path
    protocol: Protocol

    def image_path(self, image: str) -> Path:
        """The image file. Raises StudyError for a name that the study lacks."""
        return self.folder / self.protocol.image(image).file

    def region_path(self, image: str) -> Path | None:
        """The segmentation of the image's region of interest, or None for the whole image."""
        file = self.protocol.image(image).region
        return self.folder / file if file else None

    def reference_path(self, image: str) -> Path | None:
        """The right answer of a training image, or None."""
        file = self.protocol.image(image).reference
        return self.folder / file if file else None

    @property
    def submissions_folder(self) -> Path:
        """Where all raters' submissions lie, a folder for each."""
        return self.folder / "submissions"

    @property
    def drafts_folder(self) -> Path:
        """Where all raters' unfinished outlines lie, a folder for each."""
        return self.folder / "drafts"

    @property
    def predictions_folder(self) -> Path:
        """Where models' masks lie, a folder for each model."""
        return self.folder / "predictions"

    def submission_folder(self, rater: str, image: str) -> Path:
        """Where ``rater``'s submissions for ``image`` lie. Raises StudyError for unknown names."""
        self.protocol.image(image)
        return self.submissions_folder / self.protocol.require_rater(rater) / image

    def draft_folder(self, rater: str) -> Path:
        """Where ``rater``'s drafts lie. Raises StudyError for an unknown rater."""
        return self.drafts_folder / self.protocol.require_rater(rater)

    def require_unaltered_image(self, image: str) -> str:
        """The image file's SHA-256; StudyError when it isn't the one the study was made with."""
        path = self.image_path(image)
        try:
            found = file_sha256(path)
        except OSError as error:
            raise StudyError(f"Can't read image {image!r} ({path}): {error.strerror}.") from error
        if found != self.protocol.image(image).sha256:
            raise StudyError(
                f"Image {image!r} was altered after the study was made: {path} has SHA-256 "
                f"{found[:12]}…, expected {self.protocol.image(image).sha256[:12]}…."
            )
        return found


def open_study(folder: Path | str) -> Study:
    """Open the study in ``folder``; nothing is written, so a read-only study opens too.

    Raises StudyError when the folder holds no study, a damaged one, or one of a newer version.
    """
    folder = Path(folder)
    return Study(folder, read_protocol(folder))


def require_writable(study: Study, rater: str) -> None:
    """Raise OutputError, in time, when ``rater`` can't save in the study."""
    folder = study.draft_folder(rater)
    make_folder(folder)
    try:
        with tempfile.NamedTemporaryFile(prefix=".writing-", dir=folder):
            pass
    except OSError as error:
        raise output_error(folder, error) from error


def make_folder(folder: Path) -> None:
    """Make ``folder`` and the missing ones above it, so that they outlive a power cut.

    Raises OutputError when it can't be made.
    """
    try:
        missing = []
        for level in (folder, *folder.parents):
            if level.is_dir():
                break
            missing.append(level)
        folder.mkdir(parents=True, exist_ok=True)
        for level in missing:
            sync_folder(level.parent)
    except OSError as error:
        raise output_error(folder, error) from error
