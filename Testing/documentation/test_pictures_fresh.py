"""No picture of a panel in the documentation is older than the panel's controls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from Testing.screenshots import FOLDER, RECORD, SCREENSHOTS, controls_of

RECORDED = json.loads(RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("picture", SCREENSHOTS)
def test_a_picture_shows_the_controls_that_its_panel_has(picture: str) -> None:
    assert (FOLDER / f"{picture}.png").is_file()
    assert RECORDED[picture] == controls_of(picture), f"run: make pictures ({picture})"


def test_a_control_that_comes_is_noticed(tmp_path: Path) -> None:
    names = controls_of("LesionSegmentation")
    assert "inputVolumeSelector" in names and len(names) == len(set(names))
