"""``--gpu-memory-gb``: refused in one line before anything is read, or set before a model loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from medai.cli import run
from Testing.standins.cuda import CARD_BYTES, stand_in_card

COMMANDS = {
    "segment": ["segment", "missing.nrrd"],
    "classify": ["classify", "missing.nrrd"],
    "cataract": ["cataract", "missing.png"],
    "batch": ["batch", "missing.csv", "--task", "segment"],
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("limit_gb", "words"),
    [("0", "expected more than 0"), ("-2", "-2 GB"), ("26", "the card has 25.8 GB")],
)
def test_a_limit_that_can_not_be_is_one_line(
    name: str,
    limit_gb: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stand_in_card(monkeypatch)
    arguments = [*COMMANDS[name], "-o", str(tmp_path / "out"), "--gpu-memory-gb", limit_gb]
    assert run(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "GPU memory limit" in line and words in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_limit_is_set_before_anything_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = stand_in_card(monkeypatch)
    arguments = [*COMMANDS[name], "-o", str(tmp_path / "out"), "--gpu-memory-gb", "6.5"]
    assert run(arguments) == 2
    assert "missing" in capsys.readouterr().err
    assert shares == [6.5e9 / CARD_BYTES]
