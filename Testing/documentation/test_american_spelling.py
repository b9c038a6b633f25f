"""Pages and everything that a user is shown are in American spelling, as Slicer's are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from Testing.documentation.test_links import PAGES

ROOT = Path(__file__).parents[2]
# British spellings, as beginnings or parts of words.
BRITISH = re.compile(
    r"\w*(?:colour|grey|naïve|artefact|behaviour|neighbour|favour|tumour|oedema|catalogue|"
    r"millimetre|centimetre|labell|modelled|modelling|learnt|judgement|analysed|analysing)\w*|"
    r"\w*(?:random|normal|recogn|initial|organ|summar|optim|minim|maxim|standard|visual|util|"
    r"categor|real|local|memor|general)is(?:e|ed|es|ing|ation|ations)\b|"
    r"\banalyse\b|\bcentred?\b|\blicences?\b|\bmetres?\b",
    re.IGNORECASE,
)
# What can't be spelled otherwise: keys of files, options and values that exist.
KEPT = re.compile(
    r"`[^`]*`|\[[^\]]*licence[^\]]*\]|--[a-z-]*licence|weights_licence|LicenceSection|analyse_\w+|\blicences\.csv"
)
# Lists of words to look for, not to show; and headers of cards, which have the key "licence".
NOT_SHOWN = (
    "images/output_names.py",
    "models/imported.py",
    "inference/worker/transferred_types.py",
)


def british(text: str) -> list[str]:
    return [match.group() for match in BRITISH.finditer(KEPT.sub("", text))]


def shown_strings(source: str) -> Iterator[str]:
    """Every text of more than one word that is no docstring: messages, helps, labels, reports."""
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documentation and " " in node.value:
            yield node.value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_in_american_spelling(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert british(text) == []


def test_what_a_user_is_shown_is_in_american_spelling():
    found = [
        (path.name, word)
        for path in sorted((ROOT / "MedAIExtension").rglob("*.py"))
        if not path.as_posix().endswith(NOT_SHOWN)
        for text in shown_strings(path.read_text(encoding="utf-8"))
        for word in british(text)
    ]
    assert found == []


def test_what_panels_show_is_in_american_spelling():
    found = []
    for path in sorted((ROOT / "MedAIExtension").rglob("*.ui")):
        texts = re.findall(r"<string[^>]*>([^<]*)</string>", path.read_text(encoding="utf-8"))
        found += [(path.name, word) for text in texts for word in british(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a grey Colour of the centre", ["grey", "Colour", "centre"]),
        ("labelled by a naïve rater, then analysed", ["labelled", "naïve", "analysed"]),
        ("its licence, a metre long", ["licence", "metre"]),
        ("a gray color: analyses, parameter, diameter, precise, likewise, centered, noise", []),
        ("the key `licence` and --licence", []),
    ],
)
def test_british_spellings_are_found_and_others_are_not(text, words):
    assert british(text) == words
