"""Drafts, submissions, skips and corrections of one rater."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from medai.errors import GeometryError, OutputError, StudyError
from medai.images import read_volume
from medai.studies import (
    Record,
    Remarks,
    Session,
    Study,
    check_study,
    draft_question,
    open_drafts,
    rater_status,
    read_mask,
    start_session,
)
from medai.studies.record import read_record, record_text, utc_text
from medai.studies.session import ActiveTime
from medai.studies.submissions import counting, mask_path, rater_records


def mask_of(value: int) -> dict[str, np.ndarray]:
    bits = (value >> np.arange(64)) & 1
    return {"lesion": bits.reshape(1, 8, 8).astype(np.uint8)}


def sit_down(study: Study, rater: str = "AB", image: str = "case-1", **more: object) -> Session:
    return start_session(study, rater, image, 1, read_volume(study.image_path(image)), **more)


def value_of(study: Study, record: Record) -> int:
    bits = read_mask(study, record).mask("lesion").ravel().astype(object)
    return int((bits << np.arange(64, dtype=object)).sum())


def test_a_submission_holds_the_mask_and_who_when_and_how_long(study: Study) -> None:
    session = sit_down(study)
    session.active = ActiveTime(61.5, clock=lambda: 0.0)
    remarks = Remarks("low", ("out of focus", "other"), "a hair")
    record = session.submit(mask_of(5), remarks)
    assert rater_records(study, "AB") == (record,)
    assert value_of(study, record) == 5
    assert (record.rater, record.image, record.outcome) == ("AB", "case-1", "submitted")
    assert record.remarks == remarks
    assert record.active_seconds == 61.5
    assert record.software.startswith("MedAI ")
    assert record.image_sha256 == study.protocol.image("case-1").sha256
    assert mask_path(study, record).parent == study.folder / "submissions" / "AB" / "case-1"


def test_the_mask_keeps_the_studys_names_colors_and_place(study: Study) -> None:
    segmentation = read_mask(study, sit_down(study).submit({}, Remarks()))
    (segment,) = segmentation.segments
    (label,) = study.protocol.labels
    assert segment.name == label.name
    assert segment.color == pytest.approx(label.color, abs=1 / 255)
    assert np.allclose(segmentation.ijk_to_ras, np.diag([-1, -1, 1, 1]))


def test_a_correction_is_a_new_session_and_the_old_one_stays(study: Study) -> None:
    first = sit_down(study).submit(mask_of(1), Remarks())
    second = sit_down(study, corrects=first).submit(mask_of(2), Remarks())
    assert value_of(study, first) == 1
    assert second.corrects == first.session
    assert list(counting(rater_records(study, "AB")).values()) == [second]


def test_a_correction_counts_on_a_machine_whose_clock_is_slow(study: Study) -> None:
    first = sit_down(study).submit(mask_of(1), Remarks())
    second = sit_down(study, corrects=first).submit(mask_of(2), Remarks())
    third = sit_down(study, corrects=second).submit(mask_of(3), Remarks())
    slow = replace(third, saved_utc=utc_text(datetime(2020, 1, 1, tzinfo=UTC)))
    for records in ((first, second, slow), (slow, second, first)):
        assert list(counting(records).values()) == [slow]


def test_a_correction_s_draft_is_offered_on_a_machine_whose_clock_is_slow(study: Study) -> None:
    first = sit_down(study).submit(mask_of(1), Remarks())
    session = sit_down(study, corrects=first)
    draft = session.save_draft(mask_of(2), Remarks())
    slow = replace(draft, saved_utc=utc_text(datetime(2020, 1, 1, tzinfo=UTC)))
    path = study.draft_folder("AB") / f"{session.id}.json"
    path.write_text(record_text(slow), encoding="utf-8")
    assert open_drafts(study, "AB") == (slow,)


def test_two_sessions_of_one_rater_on_one_image_both_survive(study: Study) -> None:
    here, there = sit_down(study), sit_down(study)
    records = [here.submit(mask_of(1), Remarks()), there.submit(mask_of(2), Remarks())]
    assert sorted(value_of(study, record) for record in records) == [1, 2]
    assert len(rater_records(study, "AB")) == 2


def test_a_session_submits_once(study: Study) -> None:
    session = sit_down(study)
    record = session.submit(mask_of(1), Remarks())
    with pytest.raises(StudyError, match="already submitted"):
        session.submit(mask_of(2), Remarks())
    assert value_of(study, record) == 1


def test_a_skip_needs_a_reason_and_keeps_it(study: Study) -> None:
    with pytest.raises(StudyError, match="needs a reason"):
        sit_down(study).skip("  ")
    sit_down(study).skip("cut off")
    status = rater_status(study, "AB")
    assert (status.submitted, status.skipped) == (0, 1)
    assert rater_records(study, "AB")[0].remarks.other_reason == "cut off"


def test_a_draft_is_offered_until_it_is_handed_in(study: Study) -> None:
    session = sit_down(study)
    session.save_draft(mask_of(1), Remarks())
    session.save_draft(mask_of(3), Remarks("high"))
    (draft,) = open_drafts(study, "AB")
    assert value_of(study, draft) == 3
    assert draft.remarks.quality == "high"
    assert len(list(study.draft_folder("AB").iterdir())) == 2
    session.submit(mask_of(7), Remarks())
    assert open_drafts(study, "AB") == ()
    assert list(study.draft_folder("AB").iterdir()) == []


def test_a_draft_that_is_taken_up_counts_its_time_on(study: Study) -> None:
    before = sit_down(study)
    before.active = ActiveTime(100.0, clock=lambda: 0.0)
    draft = before.save_draft(mask_of(1), Remarks())
    after = sit_down(study, continues=draft)
    assert after.active.seconds == pytest.approx(100.0, abs=5.0)
    after.save_draft(mask_of(2), Remarks())
    assert [value_of(study, found) for found in open_drafts(study, "AB")] == [2]
    after.submit(mask_of(3), Remarks())
    assert open_drafts(study, "AB") == ()


def test_work_saved_elsewhere_after_a_draft_was_taken_up_is_offered_again(study: Study) -> None:
    other_machine = sit_down(study)
    draft = other_machine.save_draft(mask_of(1), Remarks())
    sit_down(study, continues=draft).submit(mask_of(2), Remarks())
    other_machine.save_draft(mask_of(9), Remarks())
    assert [value_of(study, found) for found in open_drafts(study, "AB")] == [9]


def test_nobody_sees_another_raters_draft(study: Study) -> None:
    sit_down(study, "CD").save_draft(mask_of(1), Remarks())
    assert open_drafts(study, "AB") == ()


@pytest.mark.parametrize(
    ("hours_ago", "day"),
    [(1, "today 22:41"), (24, "yesterday 22:41"), (72, "17 November 2026 22:41")],
)
def test_the_question_says_which_case_and_when(study: Study, hours_ago: int, day: str) -> None:
    zone = timezone(timedelta(hours=2))
    saved = datetime(2026, 11, 20, 22, 41, tzinfo=zone) - timedelta(
        hours=hours_ago - hours_ago % 24
    )
    record = sit_down(study).save_draft({}, Remarks())
    text = record_text(record).replace(record.saved_utc, utc_text(saved))
    assert utc_text(saved) in text
    moved = Record(**{**vars(record), "saved_utc": utc_text(saved)})
    now = datetime(2026, 11, 20, 23, 0, tzinfo=zone)
    assert draft_question(moved, 17, now) == (
        f"You have an unfinished outline for case 17 from {day}. Continue?"
    )


def test_time_stands_still_in_a_pause() -> None:
    now = 0.0
    active = ActiveTime(clock=lambda: now)
    now = 10.0
    active.pause()
    now = 100.0
    assert active.seconds == 10.0
    active.resume()
    now = 105.0
    assert active.seconds == 15.0


def test_a_mask_of_another_shape_or_label_is_refused(study: Study) -> None:
    with pytest.raises(GeometryError, match=r"shape \(1, 4, 4\).*\(1, 8, 8\)"):
        sit_down(study).submit({"lesion": np.zeros((1, 4, 4))}, Remarks())
    with pytest.raises(StudyError, match="Label 'cyst'"):
        sit_down(study).submit({"cyst": np.zeros((1, 8, 8))}, Remarks())
    assert check_study(study).is_sound


def test_remarks_use_the_studys_words() -> None:
    with pytest.raises(StudyError, match="'good': expected one of low, normal, high"):
        Remarks("good")
    with pytest.raises(StudyError, match="'blurred'"):
        Remarks("low", ("blurred",))


def test_an_image_altered_since_is_refused(study: Study) -> None:
    path = study.image_path("case-1")
    volume = read_volume(path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StudyError, match="'case-1' was altered"):
        start_session(study, "AB", "case-1", 1, volume)


def test_an_unknown_rater_can_not_sit_down(study: Study) -> None:
    with pytest.raises(StudyError, match="Unknown rater 'XY'"):
        sit_down(study, "XY")


def test_an_altered_record_does_not_count(study: Study) -> None:
    record = sit_down(study).submit(mask_of(1), Remarks())
    path = mask_path(study, record).with_name(f"{record.session}.json")
    path.write_text(path.read_text().replace('"normal"', '"high"'))
    with pytest.raises(StudyError, match="altered"):
        read_record(path)
    assert rater_records(study, "AB") == ()


def test_a_failed_submission_can_be_tried_again(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sit_down(study)
    session.save_draft(mask_of(4), Remarks())

    def refuse(*arguments: object, **more: object) -> None:
        raise OutputError("Can't write it: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("medai.studies.session.write_text", refuse)
        with pytest.raises(OutputError, match="the disk is full"):
            session.submit(mask_of(5), Remarks())
    # The study has the draft before; the outline that it couldn't take is kept on this computer.
    assert [value_of(study, draft) for draft in open_drafts(study, "AB")] == [5]
    assert value_of(study, session.submit(mask_of(5), Remarks())) == 5
    assert check_study(study).findings == ()


def test_a_raters_progress_is_said_without_repeats(make_study) -> None:
    study = make_study(4, repeat_share=0.5)
    status = rater_status(study, "AB")
    assert status.sentence == "Case 1 of 6 · 0 submitted."
    for case in status.cases:
        volume = read_volume(study.image_path(case.image))
        start_session(study, "AB", case.image, case.presentation, volume).submit({}, Remarks())
    assert rater_status(study, "AB").sentence == "All 6 cases are done · 6 submitted."
    assert rater_status(study, "AB").next_case is None
    assert rater_status(study, "CD").next_case is not None
