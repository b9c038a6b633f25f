"""The papers' tables beside ours: every row says on what data it was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import tables


def shah_rows(cards):
    return tables.shah_rows(cards, Path("absent.json"))


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (tables.lesion_rows, 24),
        (tables.mask_net_rows, 16),
        (shah_rows, 6),
        (tables.cataract_rows, 3),
    ],
)
def test_without_models_every_row_says_why_there_is_no_figure(rows, count: int) -> None:
    made = rows([])
    assert len(made) == count
    assert all(row.ours == "–" and row.our_data for row in made)
    assert all(row.paper_data for row in made)


def test_rows_of_the_cncb_set_say_that_it_is_needed() -> None:
    assert {row.our_data for row in tables.lesion_rows([])} == {tables.NEEDS_CNCB}


def test_the_text_has_one_line_per_row_and_a_head() -> None:
    lines = tables.as_text(shah_rows([])).splitlines()
    assert len(lines) == 7
    assert lines[0].split() == ["paper", "paper's", "data", "here", "our", "data"]
    assert "0.9452" in lines[2]
