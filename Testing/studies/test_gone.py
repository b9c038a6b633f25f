"""A study that is renamed, unmounted or replaced while somebody outlines costs nothing."""

import errno
import os
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from medai.errors import OutputError, StudyError, StudyGoneError
from medai.images import read_volume
from medai.studies import (
    Remarks,
    Session,
    Study,
    StudyPlan,
    check_study,
    create_study,
    open_drafts,
    open_study,
    rater_status,
    read_mask,
    start_session,
)
from medai.studies.submissions import rater_records

OUTLINE = {"lesion": np.eye(8, dtype=np.uint8)[None]}


def sit_down(study: Study) -> Session:
    return start_session(study, "AB", "case-1", 1, read_volume(study.image_path("case-1")))


def assert_offered_and_accepted(study: Study, draft_of: Session) -> None:
    """The outline is offered from this computer, and the study takes it."""
    (draft,) = open_drafts(study, "AB")
    assert np.array_equal(read_mask(study, draft).mask("lesion"), OUTLINE["lesion"])
    volume = read_volume(study.image_path("case-1"))
    start_session(study, "AB", "case-1", 1, volume, continues=draft).submit(OUTLINE, Remarks())
    assert open_drafts(study, "AB") == ()
    assert len(rater_records(study, "AB")) == 1
    assert check_study(study).findings == ()


@pytest.mark.parametrize("saved_before", [False, True])
def test_a_renamed_study_takes_nothing_into_a_ghost_folder(
    study: Study, tmp_path: Path, saved_before: bool
) -> None:
    session = sit_down(study)
    if saved_before:
        session.save_draft(OUTLINE, Remarks())
    moved = study.folder.rename(tmp_path / "moved")
    for save in (session.submit, session.save_draft):
        with pytest.raises(StudyGoneError, match="kept on this computer"):
            save(OUTLINE, Remarks())
    with pytest.raises(StudyGoneError):
        session.skip("too dark")
    assert not study.folder.exists()
    with pytest.raises(StudyError):
        rater_status(study, "AB")
    assert_offered_and_accepted(open_study(moved), session)


def test_a_study_that_is_back_takes_the_same_session(study: Study, tmp_path: Path) -> None:
    session = sit_down(study)
    moved = study.folder.rename(tmp_path / "moved")
    with pytest.raises(StudyGoneError):
        session.submit(OUTLINE, Remarks())
    moved.rename(study.folder)
    session.submit(OUTLINE, Remarks())
    assert open_drafts(study, "AB") == ()
    assert len(rater_records(study, "AB")) == 1


def test_another_study_in_the_same_place_is_noticed(study: Study, tmp_path: Path) -> None:
    session = sit_down(study)
    image = tmp_path / "in" / "case-1.nrrd"
    study.folder.rename(tmp_path / "moved")
    other = create_study(study.folder, StudyPlan("Other", [image], ["AB"], keep_names=True))
    with pytest.raises(StudyGoneError, match="another study"):
        session.submit(OUTLINE, Remarks())
    assert rater_records(other, "AB") == ()
    assert open_drafts(other, "AB") == ()


def test_a_study_that_goes_in_the_middle_of_a_submission_is_noticed(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medai.studies import session as module

    session = sit_down(study)
    write_pending = module.write_pending

    def rename_first(*arguments: object) -> Path:
        path = write_pending(*arguments)
        study.folder.rename(tmp_path / "moved")
        return path

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_pending", rename_first)
        with pytest.raises(StudyGoneError, match="kept on this computer"):
            session.submit(OUTLINE, Remarks())
    (draft,) = open_drafts(open_study(tmp_path / "moved"), "AB")
    assert draft.session == session.id


def _mount(folder: Path) -> bool:
    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("inside", ["study", "."])
def test_an_unmounted_drive_takes_nothing_into_its_mount_point(
    study: Study, tmp_path: Path, inside: str
) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    if not _mount(drive):
        pytest.skip("mounting isn't permitted here; the renamed study covers the same path")
    try:
        shutil.copytree(study.folder, drive / inside, dirs_exist_ok=True)
        on_drive = open_study(drive / inside)
        session = sit_down(on_drive)
        session.save_draft(OUTLINE, Remarks())
    finally:
        subprocess.run(["umount", str(drive)], check=True)
    with pytest.raises(StudyGoneError, match="kept on this computer"):
        session.submit(OUTLINE, Remarks())
    assert list(drive.iterdir()) == []
    assert_offered_and_accepted(study, session)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_drive_that_cant_sync_folders_takes_submissions_and_check_says_so_once(
    study: Study, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fsync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    session = sit_down(study)
    session.save_draft(OUTLINE, Remarks())
    session.submit(OUTLINE, Remarks())
    check = check_study(study)
    assert check.is_sound
    assert sum("power cut" in note for note in check.notes) == 1


def test_other_errors_of_syncing_a_folder_stay_errors(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError):
        sit_down(study).save_draft(OUTLINE, Remarks())


def arrived_unnoticed(study: Study, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session whose submission was reported as failed, after it was in place."""
    session = sit_down(study)

    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.settle", fail)
        with pytest.raises(OutputError):
            session.submit(OUTLINE, Remarks())
    return session


def test_a_submission_that_arrived_but_was_reported_as_failed_is_recognised(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = arrived_unnoticed(study, monkeypatch)
    arrived = rater_records(study, "AB")
    assert session.submit(OUTLINE, Remarks()) == arrived[0]
    assert rater_records(study, "AB") == arrived
    assert check_study(study).findings == ()


def test_another_outline_after_one_that_arrived_unnoticed_is_a_correction(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = arrived_unnoticed(study, monkeypatch)
    more = {"lesion": np.ones((1, 8, 8), np.uint8)}
    record = session.submit(more, Remarks())
    first, second = rater_records(study, "AB")
    assert second == record and record.corrects == first.session
    assert rater_status(study, "AB").records["case-1", 1] == record
    assert rater_status(study, "AB").warnings == ()
    assert open_drafts(study, "AB") == ()
