"""A link in a shared study leads nowhere: nothing is read through it, nothing is written."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medai.errors import MedAIError, StudyError
from medai.images import read_volume
from medai.studies import Remarks, Session, Study, read_mask, start_session
from medai.studies.submissions import mask_path

MASK = {"lesion": np.ones((1, 8, 8), np.uint8)}


def sit_down(study: Study) -> Session:
    return start_session(study, "AB", "case-1", 1, read_volume(study.image_path("case-1")))


@pytest.mark.parametrize("where", ["drafts", "drafts/AB"])
def test_a_draft_is_not_written_through_a_link(study: Study, tmp_path: Path, where: str) -> None:
    session = sit_down(study)
    outside = tmp_path / "outside"
    outside.mkdir()
    place = study.folder / where
    place.parent.mkdir(exist_ok=True)
    if place.is_dir():
        place.rmdir()
    place.symlink_to(outside, target_is_directory=True)
    with pytest.raises(MedAIError, match="is a link"):
        session.save_draft(MASK, Remarks())
    assert list(outside.rglob("*")) == []


def test_an_outline_is_not_handed_in_through_a_link(study: Study, tmp_path: Path) -> None:
    session = sit_down(study)
    outside = tmp_path / "outside"
    outside.mkdir()
    place = study.folder / "submissions" / "AB"
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(outside, target_is_directory=True)
    with pytest.raises(MedAIError, match="is a link"):
        session.submit(MASK, Remarks())
    assert list(outside.rglob("*")) == []


def test_a_mask_is_not_read_through_a_link(study: Study, tmp_path: Path) -> None:
    record = sit_down(study).submit(MASK, Remarks())
    path = mask_path(study, record)
    moved = path.rename(tmp_path / "moved.seg.nrrd")
    path.symlink_to(moved)
    with pytest.raises(StudyError):
        read_mask(study, record)


def test_an_image_is_not_read_through_a_link(study: Study, tmp_path: Path) -> None:
    path = study.image_path("case-1")
    moved = path.rename(tmp_path / "moved.nrrd")
    path.symlink_to(moved)
    with pytest.raises(StudyError, match="is a link"):
        study.image_path("case-1")


def test_what_was_hashed_is_what_is_read(study: Study, monkeypatch) -> None:
    record = sit_down(study).submit(MASK, Remarks())
    path = mask_path(study, record)
    own = path.read_bytes()

    def swapped(content: bytes):
        # Somebody puts another mask in place right after it was hashed.
        path.write_bytes(b"another mask")
        return hashlib.new("sha256", content)

    monkeypatch.setattr("medai.studies.submissions.hashlib.sha256", swapped)
    assert read_mask(study, record).mask("lesion").all()
    assert path.read_bytes() != own


def test_the_hash_of_a_submission_is_of_what_was_drawn(study: Study, monkeypatch) -> None:
    from medai.studies import session as room

    usual = room.atomic_file

    def swapping(path: Path, **options):
        # Somebody puts another mask in place right after it was written.
        context = usual(path, **options)
        original = context.__exit__

        def leave(*error):
            done = original(*error)
            path.write_bytes(b"another mask")
            return done

        context.__exit__ = leave
        return _Wrapped(context, leave)

    monkeypatch.setattr(room, "atomic_file", swapping)
    record = sit_down(study).submit(MASK, Remarks())
    monkeypatch.undo()
    with pytest.raises(StudyError, match="altered or damaged"):
        read_mask(study, record)
    assert replace(record, mask_sha256="") != record


class _Wrapped:
    def __init__(self, context, leave) -> None:
        self._context, self._leave = context, leave

    def __enter__(self):
        return self._context.__enter__()

    def __exit__(self, *error):
        return self._leave(*error)
