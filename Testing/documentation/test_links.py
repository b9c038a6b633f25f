"""Every link and picture of every page leads to something that is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for folder in (ROOT, ROOT / "Resources" / "Documentation", ROOT / "Testing" / "benchmarks")
    for page in folder.glob("*.md")
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def links_of(page: Path) -> list[str]:
    return _LINK.findall(page.read_text(encoding="utf-8"))


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(words.strip().replace(" ", "-") for words in plain)


def broken(page: Path) -> list[str]:
    wrong = []
    for link in links_of(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page if not path else page.parent / path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One heading\n[a](gone.md) [b](#one-heading) [c](#two) [d](https://x.org)\n")
    assert broken(page) == ["gone.md", "#two"]


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        waiting += [
            (page.parent / unquote(link).split("#")[0]).resolve()
            for link in links_of(page)
            if not re.match(r"[a-z]+:|#", link)
        ]
    assert [page.name for page in PAGES if page not in reached] == []
