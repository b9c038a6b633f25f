"""The Rater Agreement panel with a table of scores: the report's tables, and its report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from Testing.modules.rater_steps import NAME, table

pytestmark = pytest.mark.xdist_group("panels")


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    path = tmp_path / "scores.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "rater", "item", "score"])
        for image in range(12):
            for item in ("left", "right"):
                truth = random.integers(0, 4)
                for rater in ("ann", "bob"):
                    given = int(np.clip(truth + random.integers(-1, 2), 0, 3))
                    writer.writerow([image, rater, item, given])
    return path


def compare(panel, messages, path: Path) -> None:
    panel.ui.sourceComboBox.setCurrentIndex(2)
    panel.wait()
    side = panel.widget._scores
    side.path.setCurrentPath(str(path))
    side.run.button.click()
    assert panel.wait(lambda: side.has_result or messages.shown, 30.0)
    panel.wait()


def test_scores_are_compared_and_shown_as_in_the_report(open_panel, messages, scores, tmp_path):
    panel = open_panel(NAME)
    side = panel.widget._scores
    side.categories.setText("0,1,2,3")
    compare(panel, messages, scores)
    assert messages.shown == []
    assert not panel.ui.studyBox.isVisibleTo(panel.ui.scoresBox.parent())
    text = side.sentence.text()
    assert text.startswith("Agreement on the scores: Krippendorff's ordinal alpha")
    shown = table(panel.ui.scoresResultBox.findChild(type(panel.ui.imageTable), "scoresIccTable"))
    assert [row[:2] for row in shown[-6:]] == [["all", f"ICC{k}"] for k in
                                               ("1", "2", "3", "1k", "2k", "3k")]  # fmt: skip
    side.export.path.setCurrentPath(str(tmp_path))
    side.export.button.click()
    panel.wait()
    summary = json.loads((tmp_path / "scores" / "agreement.json").read_text())
    assert summary["sentence"] in text
    found = {row["kind"]: row["icc"] for row in summary["icc"] if row["item"] == "all"}
    assert shown[-6][2] == f"{found['ICC1']:.3f}"


def test_a_wrong_table_is_one_plain_message_and_nothing_is_exported(open_panel, messages, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("image,score\n1,2\n")
    panel = open_panel(NAME)
    compare(panel, messages, path)
    assert "no column 'rater'" in str(messages.shown[-1])
    assert not panel.widget._scores.has_result
    assert not panel.widget._scores.export.button.isEnabled()


def test_a_study_and_scores_do_not_stand_in_each_others_place(open_panel, messages, scores):
    panel = open_panel(NAME)
    compare(panel, messages, scores)
    panel.ui.sourceComboBox.setCurrentIndex(0)
    panel.wait()
    for box in (panel.ui.scoresBox, panel.ui.scoresRunBox, panel.ui.scoresResultBox):
        assert box.isHidden()
    assert not panel.ui.exportSection.isHidden()
