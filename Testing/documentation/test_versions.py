"""The version that is cited is the version that runs."""

from __future__ import annotations

import re
from pathlib import Path

import medai

ROOT = Path(__file__).parents[2]


def test_the_citation_names_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", text, flags=re.MULTILINE) == [medai.__version__]


def test_the_changelog_has_an_entry_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {medai.__version__}\n" in text
