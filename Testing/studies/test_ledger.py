"""No submission goes missing, and none is altered, without being named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medai.commands.study import app
from medai.images import read_volume
from medai.resources import user_folder
from medai.studies import (
    Record,
    Remarks,
    Study,
    check_study,
    open_drafts,
    open_study,
    rated_images,
    rater_status,
    start_session,
)
from medai.studies.ledger import newest_number, read_ledger
from medai.studies.submissions import mask_path, rater_history, rater_records, study_counted
from Testing.studies.numbered_masks import mask_of

POSITIONS = 4


def submit(study: Study, image: str, value: int, corrects: Record | None = None) -> Record:
    volume = read_volume(study.image_path(image))
    session = start_session(study, "AB", image, 1, volume, corrects=corrects)
    return session.submit(mask_of(value), Remarks())


@pytest.fixture
def records(study: Study) -> list[Record]:
    """Four submissions of one rater; the second corrects the first."""
    first = submit(study, "case-1", 1)
    second = submit(study, "case-1", 2, corrects=first)
    return [first, second, submit(study, "case-2", 3), submit(study, "case-3", 4)]


def sidecar(study: Study, record: Record) -> Path:
    return mask_path(study, record).with_name(f"{record.session}.json")


def entry(study: Study, record: Record) -> Path:
    (path,) = study.ledger_folder("AB").glob(f"*-{record.session}.json")
    return path


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def messages(study: Study) -> str:
    return " ".join(finding.message for finding in check_study(study).findings)


def test_every_submission_has_an_entry_that_names_the_one_before(
    study: Study, records: list[Record]
) -> None:
    ledger = read_ledger(study, "AB")
    assert [found.session for found in ledger.entries] == [record.session for record in records]
    assert [found.number for found in ledger.entries] == [1, 2, 3, 4]
    assert list(ledger.entries[2].predecessors) == [records[1].session]
    assert ledger.faults == () and ledger.unfinished == ()
    assert check_study(study).findings == ()


@pytest.mark.parametrize("position", range(POSITIONS))
@pytest.mark.parametrize("damage", [Path.unlink, truncate], ids=["deleted", "truncated"])
@pytest.mark.parametrize("what", [sidecar, mask_path, entry], ids=["record", "mask", "entry"])
def test_a_damaged_or_deleted_file_is_named_at_every_position(
    study: Study,
    records: list[Record],
    what: Callable[[Study, Record], Path],
    damage: Callable[[Path], None],
    position: int,
) -> None:
    path = what(study, records[position])
    damage(path)
    assert not check_study(study).is_sound
    assert records[position].session in messages(study)
    if what is not mask_path or damage is Path.unlink:
        warned = " ".join(rater_status(study, "AB").warnings)
        assert records[position].session in warned


def test_a_whole_folder_of_submissions_that_is_deleted_is_named(
    study: Study, records: list[Record]
) -> None:
    folder = study.submission_folder("AB", "case-1")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    said = messages(study)
    assert records[0].session in said and records[1].session in said
    assert not check_study(study).is_sound


@pytest.mark.parametrize("damage", [Path.unlink, truncate], ids=["deleted", "truncated"])
@pytest.mark.parametrize("what", [sidecar, mask_path], ids=["record", "mask"])
def test_a_superseded_outline_is_not_revived_by_damage_to_the_newer_one(
    study: Study,
    records: list[Record],
    what: Callable[[Study, Record], Path],
    damage: Callable[[Path], None],
) -> None:
    damage(what(study, records[1]))
    assert "case-1" not in [rated.image.name for rated in rated_images(study)]
    (first, *_) = rated_images(study, superseded=True)
    assert first.image.name == "case-1"
    assert first.records["AB"].session == records[0].session
    notes = study_counted(study, superseded=True).warnings + first.notes
    assert any("stands in" in note for note in notes)


def test_a_damaged_case_is_open_again_and_status_says_so(
    study: Study, records: list[Record]
) -> None:
    sidecar(study, records[2]).unlink()
    status = rater_status(study, "AB")
    assert ("case-2", 1) not in status.records
    assert status.next_case is not None
    said = CliRunner().invoke(app, ["status", str(study.folder)])
    assert records[2].session in said.stderr


def test_a_study_of_an_older_medai_opens_and_says_what_cant_be_noticed(study: Study) -> None:
    # Nobody signed it, and nobody's key is known.
    file = study.folder / "study.toml"
    file.write_text(file.read_text().replace("format = 2", "format = 1"))
    file.with_name("study.toml.sig").unlink()
    shutil.rmtree(user_folder() / "signing" / "known")
    older = open_study(study.folder)
    record = submit(older, "case-1", 1)
    entry(older, record).unlink()
    assert rater_status(older, "AB").warnings == ()
    check = check_study(older)
    assert check.is_sound
    assert any("before raters kept ledgers" in note for note in check.notes)


def test_two_machines_may_submit_at_once_and_the_next_entry_names_both(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(study, "case-1", 1)
    with monkeypatch.context() as patch:
        # The other machine's entry isn't to be seen yet.
        patch.setattr("medai.studies.ledger.newest_number", lambda *arguments: 0)
        submit(study, "case-2", 2)
    third = submit(study, "case-3", 3)
    ledger = read_ledger(study, "AB")
    assert [found.number for found in ledger.entries] == [1, 1, 2]
    assert len(ledger.entry(third.session).predecessors) == 2
    assert check_study(study).findings == ()


def test_what_counts_does_not_depend_on_clocks(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(study, "case-1", 1)
    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.utc_text", lambda moment: "2001-01-01T00:00:00")
        later = submit(study, "case-1", 2)
    assert study_counted(study).records["AB", "case-1", 1] == later
    history = rater_history(study, "AB")
    assert any("2 times independently" in warning for warning in history.warnings)


def test_a_draft_of_a_case_that_was_finished_after_it_is_not_offered_when_the_clock_went_back(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(study, "case-2", 1)
    volume = read_volume(study.image_path("case-1"))
    start_session(study, "AB", "case-1", 1, volume).save_draft(mask_of(3), Remarks())
    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.utc_text", lambda moment: "2001-01-01T00:00:00")
        submit(study, "case-1", 2)
    assert open_drafts(study, "AB") == ()


def test_a_draft_that_was_taken_up_where_the_clock_is_two_hours_behind_is_not_offered(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = read_volume(study.image_path("case-1"))
    here = start_session(study, "AB", "case-1", 1, volume)
    draft = here.save_draft(mask_of(3), Remarks())
    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.utc_text", lambda moment: "2001-01-01T00:00:00")
        there = start_session(study, "AB", "case-1", 1, volume, continues=draft)
        taken = there.save_draft(mask_of(4), Remarks())
        assert open_drafts(study, "AB") == (taken,)
    again = here.save_draft(mask_of(5), Remarks())
    assert again in open_drafts(study, "AB")


def test_a_pending_entry_counts_when_its_record_is_there_and_is_settled_next_time(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.settle", lambda *arguments: None)
        first = submit(study, "case-1", 1)
    assert newest_number(study, "AB") == 0
    assert [found.session for found in read_ledger(study, "AB").entries] == [first.session]
    assert check_study(study).is_sound
    submit(study, "case-2", 2)
    assert newest_number(study, "AB") == 2
    assert len(rater_records(study, "AB")) == 2
