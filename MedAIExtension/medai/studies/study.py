"""A study folder that several people share: where everything in it lies.

    study.toml                                      protocol
    images/                                         what is outlined
    regions/                                        regions of interest
    references/                                     right answers of training images
    predictions/<model>/<image>.seg.nrrd            a model's masks, compared as one more rater
    submissions/<rater>/<image>/<session>.seg.nrrd  a submitted mask, and beside it …
    submissions/<rater>/<image>/<session>.json      … the record that makes it count
    ledgers/<rater>/<number>-<session>.json         that a submission was made, and its hashes
    drafts/<rater>/                                 unfinished outlines
    invitations.json                                hashes of the raters' links for browsers

Each rater writes only below their own name, and a session's id is unique, so no two people or
machines ever write the same file: there is nothing to lock.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from medai.errors import InputError, StudyError, StudyGoneError
from medai.output import output_error, sync_folder
from medai.studies.hashes import file_sha256
from medai.studies.protocol import STUDY_FILE, Protocol, read_protocol
from medai.unlinked import require_unlinked

# The links of raters who draw in a browser.
INVITATIONS_FILE = "invitations.json"
_ID_LINE = re.compile(r"""^id\s*=\s*["']([^"']*)["']""", re.MULTILINE)


@dataclass(frozen=True)
class Study:
    """An open study: its folder and its protocol."""

    folder: Path
    protocol: Protocol

    def image_path(self, image: str) -> Path:
        """The image file. Raises StudyError for a name that the study lacks."""
        return self.unlinked(self.folder / self.protocol.image(image).file)

    def region_path(self, image: str) -> Path | None:
        """The segmentation of the image's region of interest, or None for the whole image."""
        file = self.protocol.image(image).region
        return self.unlinked(self.folder / file) if file else None

    def reference_path(self, image: str) -> Path | None:
        """The right answer of a training image, or None."""
        file = self.protocol.image(image).reference
        return self.unlinked(self.folder / file) if file else None

    @property
    def submissions_folder(self) -> Path:
        """Where all raters' submissions lie, a folder for each."""
        return self.folder / "submissions"

    @property
    def ledgers_folder(self) -> Path:
        """Where all raters' ledgers lie, a folder for each."""
        return self.folder / "ledgers"

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
        folder = self.submissions_folder / self.protocol.require_rater(rater)
        return self.unlinked(folder / image)

    def ledger_folder(self, rater: str) -> Path:
        """Where ``rater``'s ledger lies. Raises StudyError for an unknown rater."""
        return self.unlinked(self.ledgers_folder / self.protocol.require_rater(rater))

    def draft_folder(self, rater: str) -> Path:
        """Where ``rater``'s drafts lie. Raises StudyError for an unknown rater."""
        return self.unlinked(self.drafts_folder / self.protocol.require_rater(rater))

    def unlinked(self, path: Path) -> Path:
        """``path``, which lies below the study. Raises StudyError when a part of it is a link.

        Whoever may write into the study could have everybody's program read or write elsewhere.
        """
        try:
            return require_unlinked(path, self.folder)
        except InputError as error:
            raise StudyError(str(error)) from error

    def require_present(self) -> None:
        """Raise StudyGoneError when the folder no longer holds this study.

        It was renamed, its drive is gone, or another study lies in its place.
        """
        path = self.folder / STUDY_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StudyGoneError(
                f"The study is gone: {self.folder} holds no {STUDY_FILE} any more. Was it renamed, "
                "or its drive taken away?"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is damaged"
            raise StudyGoneError(f"The study can't be reached: {path}: {reason}.") from error
        found = _ID_LINE.search(text)
        if found is None or found.group(1) != self.protocol.id:
            raise StudyGoneError(
                f"{self.folder} holds another study now: expected the one with id "
                f"{self.protocol.id}."
            )

    def make_folder(self, folder: Path) -> None:
        """Make ``folder``, below the study, so that it outlives a power cut.

        The study's own folder is never made: what was renamed away leaves no ghost of itself.
        Raises OutputError when it can't be made.
        """
        self.unlinked(folder)
        levels = [folder, *folder.parents]
        below = levels[: levels.index(self.folder)]
        try:
            for level in reversed(below):
                if not level.is_dir():
                    level.mkdir(exist_ok=True)
                    sync_folder(level.parent)
        except OSError as error:
            raise output_error(folder, error) from error

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
    """Raise in time when ``rater`` can't save: OutputError, or StudyGoneError."""
    study.require_present()
    folder = study.draft_folder(rater)
    study.make_folder(folder)
    try:
        with tempfile.NamedTemporaryFile(prefix=".writing-", dir=folder):
            pass
    except OSError as error:
        raise output_error(folder, error) from error
