"""The dashboard tells how far a study is, and nobody who the others are."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from medai.cli import run
from medai.images import read_volume
from medai.reports.study_progress import blinded_names, progress_page, write_progress
from medai.studies import Remarks, rater_status, start_session
from medai.studies.pace import pace_of
from medai.studies.record import utc_text
from medai.studies.session import ActiveTime

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def submit(study, rater: str, image: str, *, quality: str = "normal", seconds: float = 0) -> None:
    volume = read_volume(study.image_path(image))
    session = start_session(study, rater, image, 1, volume)
    session.active = ActiveTime(seconds, clock=lambda: 0.0)
    mask = np.ones(volume.grid_shape, np.uint8)
    session.submit({"lesion": mask}, Remarks(quality=quality))


def handed_in(study, rater: str, days_ago: dict[str, float]):
    """The rater's status with its records moved to so many days before NOW."""
    status = rater_status(study, rater)
    moved = {
        key: replace(record, saved_utc=utc_text(NOW - timedelta(days=days_ago[key[0]])))
        for key, record in status.records.items()
    }
    return replace(status, records=moved)


def test_the_end_follows_from_the_pace_of_the_last_days(make_study) -> None:
    study = make_study(10)
    for number in range(1, 5):
        submit(study, "AB", f"case-{number}", quality="low" if number == 1 else "high", seconds=90)
    days = {"case-1": 40.0, "case-2": 10.0, "case-3": 6.0, "case-4": 1.0}
    pace = pace_of(handed_in(study, "AB", days), NOW)
    # Three in the last ten days, six to go: twenty days.
    assert pace.expected_end == NOW + timedelta(days=20)
    assert (pace.remaining, pace.minutes_a_case, pace.low_quality) == (6, 1.5, 0.25)
    assert list(pace.handed_in) == sorted(pace.handed_in)


def test_there_is_no_end_without_a_pace_and_none_when_all_is_done(make_study) -> None:
    study = make_study(2)
    assert pace_of(rater_status(study, "AB"), NOW).expected_end is None
    submit(study, "AB", "case-1")
    old = pace_of(handed_in(study, "AB", {"case-1": 100.0}), NOW)
    assert (old.expected_end, old.minutes_a_case) == (None, None)
    page = progress_page("T", {"AB": "Rater 1"}, [old], NOW).html()
    assert "No end can be told: nothing of 1 of them in the last two weeks." in page
    submit(study, "AB", "case-2")
    done = pace_of(handed_in(study, "AB", {"case-1": 1.0, "case-2": 0.5}), NOW)
    assert (done.remaining, done.expected_end) == (0, None)
    assert "1 of 1 raters have finished." in progress_page("T", {"AB": "x"}, [done], NOW).html()


def test_many_in_one_sitting_are_one_days_work(make_study) -> None:
    study = make_study(4)
    for number in (1, 2):
        submit(study, "AB", f"case-{number}")
    pace = pace_of(handed_in(study, "AB", {"case-1": 0.01, "case-2": 0.001}), NOW)
    assert pace.expected_end == NOW + timedelta(days=1)


def test_the_page_names_no_rater(make_study, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    raters = ["Quentin", "Zoltan", "Yvonne"]
    study = make_study(3, raters=raters)
    submit(study, "Quentin", "case-1")
    sentence = write_progress(study, tmp_path / "page.html", datetime.now(UTC))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert not any(rater in page for rater in raters)
    assert sentence.startswith("1 of 9 cases are done (11 %); 0 of 3 raters have finished.")
    assert "<img" in page
    assert set(blinded_names(study).values()) == {"Rater 1", "Rater 2", "Rater 3"}


def test_the_command_tells_the_owner_who_is_who(study, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "page.html")
    assert run(["study", "dashboard", str(study.folder), "-o", out, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["raters"] == blinded_names(study)
    assert run(["study", "dashboard", str(study.folder), "-o", out]) == 2
    assert "exists already" in capsys.readouterr().err
