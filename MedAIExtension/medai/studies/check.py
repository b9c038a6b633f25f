"""Looking through a whole study for what is damaged, orphaned, altered or doesn't fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.errors import MedAIError, StudyError
from medai.images import Segmentation, Volume, read_segmentation, read_volume
from medai.images.resampling import same_grid
from medai.output import sync_folder
from medai.progress import Progress, ProgressCallback, ignore_progress
from medai.studies.check_ledger import Finding, check_ledger, shown
from medai.studies.hashes import file_sha256
from medai.studies.known_keys import check_signatures
from medai.studies.ledger import is_entry_name
from medai.studies.owner import check_owner
from medai.studies.protocol import HISTORY, STUDY_FILE, Label, StudyImage
from medai.studies.record import DRAFT, SKIPPED, Record, is_session_id, read_record
from medai.studies.study import INVITATIONS_FILE, Study
from medai.studies.submissions import is_in_place, mask_path, read_mask

_FOLDERS = (
    "images",
    "regions",
    "references",
    "predictions",
    "submissions",
    "ledgers",
    "drafts",
    HISTORY,
)


@dataclass(frozen=True)
class StudyCheck:
    """Everything found in a study, and how much was looked at.

    notes: what this check can't find, and why, one line each.
    """

    findings: tuple[Finding, ...]
    images: int
    submissions: int
    notes: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong; leftovers of a crash are not wrong."""
        return all(finding.is_harmless for finding in self.findings)

    @property
    def sentence(self) -> str:
        """What was found, in one line."""
        wrong = sum(not finding.is_harmless for finding in self.findings)
        seen = f"{self.images} images, {self.submissions} submissions"
        if wrong:
            return f"{wrong} of the study's files need attention ({seen} checked)."
        left = len(self.findings)
        return f"The study is sound: {seen} checked" + (
            f"; {left} unfinished files are left over, which does no harm." if left else "."
        )


def check_study(
    study: Study,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
    *,
    accept_keys: bool = False,
) -> StudyCheck:
    """Look at every file of the study; nothing is changed. Findings come in the order of folders.

    accept_keys: keys that raters sign with and that this computer doesn't know are theirs from now.
    Raises CancelledError when ``cancelled`` says so.
    """
    findings = list(_unexpected_at_top(study))
    submissions = 0
    images = study.protocol.images
    for number, image in enumerate(images):
        raise_if_cancelled(cancelled)
        progress(Progress(number / len(images), f"Image {number + 1} of {len(images)}"))
        volume, found = _check_image(study, image)
        findings += found
        for rater in study.protocol.raters:
            folder = study.submission_folder(rater, image.name)
            findings += _check_folder(study, folder, rater, image, volume)
            submissions += sum(is_session_id(path.stem) for path in folder.glob("*.json"))
    for rater in study.protocol.raters:
        findings += check_ledger(study, rater)
        findings += _check_drafts(study, rater)
    findings += _strangers(study)
    wrongly_signed, trust = check_signatures(study, accept=accept_keys)
    findings += (*wrongly_signed, *check_owner(study, accept=accept_keys))
    progress(Progress(1.0, "Checked"))
    return StudyCheck(tuple(findings), len(images), submissions, (*_notes(study), *trust))


def _notes(study: Study) -> tuple[str, ...]:
    notes = []
    if not study.protocol.keeps_ledgers:
        notes.append(
            "This study was made before raters kept ledgers: that a submission from then was "
            "deleted can't be noticed."
        )
    with suppress(OSError):
        if not sync_folder(study.folder):
            notes.append(
                "This drive can't be told to write a folder's entries at once: a power cut may "
                "cost the last submission, though never an earlier one."
            )
    return tuple(notes)


def _check_image(study: Study, image: StudyImage) -> tuple[Volume | None, list[Finding]]:
    findings = []
    volume = None
    try:
        study.require_unaltered_image(image.name)
    except StudyError as error:
        kind = "altered" if (study.folder / image.file).is_file() else "damaged"
        findings.append(Finding(kind, image.file, str(error)))
    try:
        volume = read_volume(study.image_path(image.name))
    except MedAIError as error:
        if not findings:
            findings.append(Finding("damaged", image.file, str(error)))
    for file, expected in (
        (image.region, image.region_sha256),
        (image.reference, image.reference_sha256),
    ):
        if file:
            findings += _check_mask_of_image(study.folder / file, file, expected, volume)
    return volume, findings


def _check_mask_of_image(
    path: Path, file: str, expected: str, volume: Volume | None
) -> Iterator[Finding]:
    try:
        found = file_sha256(path)
        segmentation = read_segmentation(path)
    except OSError as error:
        yield Finding("damaged", file, f"Can't read {path}: {error.strerror}.")
        return
    except MedAIError as error:
        yield Finding("damaged", file, str(error))
        return
    if found != expected:
        yield Finding("altered", file, f"{path} was altered after the study was made.")
    if volume is not None:
        yield from _check_geometry(segmentation, file, volume)


def _check_geometry(segmentation: Segmentation, file: str, volume: Volume) -> Iterator[Finding]:
    if segmentation.grid_shape != volume.grid_shape:
        message = (
            f"{file} has the grid {segmentation.grid_shape} (z, y, x), "
            f"but its image has {volume.grid_shape}."
        )
        yield Finding("geometry", file, message)
    elif not same_grid(segmentation.ijk_to_ras, volume.ijk_to_ras):
        message = f"{file} lies elsewhere in space than its image, or its spacing differs."
        yield Finding("geometry", file, message)


def _check_folder(
    study: Study, folder: Path, rater: str, image: StudyImage, volume: Volume | None
) -> Iterator[Finding]:
    named: set[str] = set()
    if not folder.is_dir():
        return
    entries = _entries(folder)
    for path in entries:
        if path.suffix == ".json" and is_session_id(path.stem):
            named.add(path.name)
            try:
                record = read_record(path)
            except StudyError as error:
                yield Finding("damaged", shown(study, path), str(error))
                named.add(f"{path.stem}.seg.nrrd")
                continue
            named.add(record.mask)
            yield from _check_record(study, path, record, rater, image, volume)
    for path in entries:
        if path.name not in named:
            yield _leftover(study, path, path.name.removesuffix(".seg.nrrd"))


def _check_record(
    study: Study, path: Path, record: Record, rater: str, image: StudyImage, volume: Volume | None
) -> Iterator[Finding]:
    name = shown(study, path)
    if not is_in_place(record, study, rater, image.name) or record.session != path.stem:
        message = (
            f"{path} belongs elsewhere: it is rater {record.rater!r}'s session on image "
            f"{record.image!r}"
            + ("." if record.study == study.protocol.id else " of another study.")
        )
        yield Finding("orphaned", name, message)
        return
    if record.image_sha256 != image.sha256:
        message = f"{path}: image {image.name!r} was altered between study and annotation."
        yield Finding("altered", name, message)
    if record.outcome == SKIPPED:
        return
    mask = mask_path(study, record)
    try:
        segmentation = read_mask(study, record)
    except MedAIError as error:
        kind = "altered" if mask.is_file() else "damaged"
        yield Finding(kind, shown(study, mask), str(error))
        return
    if volume is not None:
        yield from _check_geometry(segmentation, shown(study, mask), volume)
    yield from _check_labels(segmentation, shown(study, mask), study.protocol.labels)


def _check_labels(
    segmentation: Segmentation, file: str, labels: tuple[Label, ...]
) -> Iterator[Finding]:
    found = sorted(segment.name for segment in segmentation.segments)
    expected = sorted(label.name for label in labels)
    if found != expected:
        message = f"{file} has the labels {', '.join(found)}; expected {', '.join(expected)}."
        yield Finding("altered", file, message)


def _check_drafts(study: Study, rater: str) -> Iterator[Finding]:
    folder = study.draft_folder(rater)
    if not folder.is_dir():
        return
    named: set[str] = set()
    for path in sorted(folder.glob("*.json")):
        if not is_session_id(path.stem):
            continue
        named.add(path.name)
        try:
            record = read_record(path)
            if record.outcome != DRAFT or not is_in_place(record, study, rater, record.image):
                raise StudyError(f"{path} is not a draft of rater {rater!r} in this study.")
            read_mask(study, record)
        except MedAIError as error:
            yield Finding("damaged", shown(study, path), str(error))
            continue
        named.add(record.mask)
    for path in _entries(folder):
        if path.name not in named:
            session = path.name.removesuffix(".seg.nrrd").rpartition("-")[0]
            yield _leftover(study, path, session)


def _leftover(study: Study, path: Path, session: str) -> Finding:
    name = shown(study, path)
    if path.name.startswith(".writing-"):
        return Finding("unfinished", name, f"{name} is left from a save that didn't finish.")
    if path.name.endswith(".seg.nrrd") and is_session_id(session):
        message = f"{name} is a mask whose saving didn't finish: it has no record."
        return Finding("unfinished", name, message)
    return Finding("orphaned", name, f"{name} doesn't belong to the study: nothing names it.")


def _unexpected_at_top(study: Study) -> Iterator[Finding]:
    for path in _entries(study.folder):
        # Notes and tables that people keep beside a study are theirs.
        belongs = path.name in (STUDY_FILE, INVITATIONS_FILE, *_FOLDERS)
        if not belongs and (path.is_dir() or path.suffix in (".nrrd", ".json")):
            yield _leftover(study, path, "")


def _strangers(study: Study) -> Iterator[Finding]:
    """Files and folders of images and raters that the protocol doesn't know."""
    images = {image.name for image in study.protocol.images}
    raters = set(study.protocol.raters)
    files = {
        file
        for image in study.protocol.images
        for file in (image.file, image.region, image.reference)
    }
    for name in ("images", "regions", "references"):
        for path in _entries(study.folder / name):
            if shown(study, path) not in files:
                yield _leftover(study, path, "")
    for top in (study.submissions_folder, study.ledgers_folder, study.drafts_folder):
        for path in _entries(top):
            if path.name not in raters:
                message = f"{shown(study, path)} belongs to nobody: there is no such rater."
                yield Finding("orphaned", shown(study, path), message)
    for rater in study.protocol.raters:
        for path in _entries(study.ledgers_folder / rater):
            if not is_entry_name(path.name):
                yield _leftover(study, path, "")
        for path in _entries(study.submissions_folder / rater):
            if path.name not in images:
                message = f"{shown(study, path)} belongs to no image of the study."
                yield Finding("orphaned", shown(study, path), message)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not _of_the_system(path.name))


def _of_the_system(name: str) -> bool:
    """Whether a file manager or a synchronising drive made it, and nobody minds it."""
    hidden = name.startswith(".") and not name.startswith(".writing-")
    return hidden or name.lower() in ("thumbs.db", "desktop.ini")
