"""Whichever call to the disk fails, nothing that was acknowledged is lost."""

import shutil
from pathlib import Path

import pytest

from medai.errors import MedAIError, OutputError
from medai.images import read_volume
from medai.studies import (
    Remarks,
    Study,
    check_study,
    open_drafts,
    open_study,
    start_session,
)
from medai.studies.submissions import rater_history
from Testing.studies.failing_calls import FailingCalls
from Testing.studies.numbered_masks import mask_of, number_in

# More than a draft and a submission make; the test says when it isn't.
_MOST_CALLS = 120


@pytest.mark.parametrize(
    ("after", "lasting"),
    [(False, False), (True, False), (False, True)],
    ids=["fails", "reports failure after doing it", "fails from then on"],
)
def test_a_call_that_fails_anywhere_in_a_draft_and_a_submission_loses_nothing(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool, lasting: bool
) -> None:
    volume = read_volume(study.image_path("case-1"))
    start_session(study, "AB", "case-2", 1, volume).submit(mask_of(9), Remarks())
    for failing in range(1, _MOST_CALLS + 1):
        folder = tmp_path / f"copy {failing}"
        shutil.copytree(study.folder, folder)
        copy = open_study(folder)
        session = start_session(copy, "AB", "case-1", 1, volume)
        session.save_draft(mask_of(1), Remarks())
        calls = FailingCalls(failing, after=after, lasting=lasting)
        safe = [1]
        with monkeypatch.context() as patch:
            calls.install(patch)
            for value, save in ((2, session.save_draft), (3, session.submit)):
                try:
                    save(mask_of(value), Remarks())
                    safe.append(value)
                except OutputError:
                    pass
        kept = {
            number_in(copy, record)
            for record in (*rater_history(copy, "AB").records, *open_drafts(copy, "AB"))
        }
        assert max(safe) <= max(kept - {9}), f"call {failing}: {safe} was safe, {kept} is there"
        assert 9 in kept
        wrong = [found.message for found in check_study(copy).findings if not found.is_harmless]
        assert wrong == [], f"call {failing}"
        # The disk works again: the same session finishes, and nothing is there twice.
        if 3 not in safe:
            assert number_in(copy, session.submit(mask_of(3), Remarks())) == 3
        records = rater_history(copy, "AB")
        assert [number_in(copy, r) for r in records.records if r.image == "case-1"] == [3]
        assert records.warnings == ()
        assert open_drafts(copy, "AB") == ()
        assert check_study(copy).is_sound
        shutil.rmtree(folder)
        if not calls.has_failed:
            break
    else:
        pytest.fail(f"a draft and a submission make more than {_MOST_CALLS} calls")
    assert failing > 30


def test_reading_errors_are_medai_errors(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    session = start_session(study, "AB", "case-1", 1, read_volume(study.image_path("case-1")))

    def fail(*arguments: object, **more: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        patch.setattr(Path, "read_text", fail)
        patch.setattr(Path, "iterdir", fail)
        with pytest.raises(MedAIError):
            session.submit(mask_of(1), Remarks())
    assert number_in(study, session.submit(mask_of(1), Remarks())) == 1
