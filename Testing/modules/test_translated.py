"""Every string that a user reads in a panel can be translated."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

EXTENSION = Path(__file__).resolve().parents[2] / "MedAIExtension"
MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "RaterAgreement",
    "ChestXray",
)
FILES = sorted(
    path
    for folder in (*MODULES, "medai_panels")
    for path in (EXTENSION / folder).rglob("*.py")
    if "Testing" not in path.parts
)
# Calls whose text stands on the screen.
NAMES = {
    "setText",
    "setToolTip",
    "setTitle",
    "setWindowTitle",
    "setPlaceholderText",
    "setTabText",
    "setSuffix",
    "addItem",
    "QPushButton",
    "QLabel",
    "QCheckBox",
    "QAction",
    "errorDisplay",
    "infoDisplay",
    "confirmOkCancelDisplay",
    "shown_errors",
    "set_usable",
    "wrapping_label",
    "InputError",
    "OutputError",
    "CancelledError",
    "StudyError",
    "MissingDependencyError",
    "WorkerError",
    "_say",
    "help_with_page",
    "with_publications",
}


def called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_words(node: ast.AST) -> bool:
    """A literal that has words: not a name, a number, a symbol or an address."""
    if isinstance(node, ast.JoinedStr):
        return any(is_words(part) for part in node.values)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return re.search(r"[A-Za-z]{2,} |^[A-Z][a-z]+[.:]?$", node.value) is not None


def untranslated(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if called(node) in NAMES:
            found += [f"{node.lineno}: {ast.unparse(a)}" for a in node.args if is_words(a)]
        elif called(node) == "_" and not isinstance(node.args[0], ast.Constant):
            found.append(f"{node.lineno}: not a literal: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_panel_shows_goes_through_the_translator(path):
    assert untranslated(path.read_text(encoding="utf-8")) == []


def test_a_plain_string_and_a_computed_one_are_found():
    assert untranslated('label.setText("No CT is chosen.")') != []
    assert untranslated('raise InputError(f"No {what} is chosen.")') != []
    assert untranslated('label.setText(_(f"No {what}"))') != []
    assert untranslated('label.setText(_("No CT is chosen."))') == []


@pytest.mark.parametrize("module", MODULES)
def test_every_text_of_a_ui_file_can_be_translated(module):
    path = EXTENSION / module / "Resources" / "UI" / f"{module}.ui"
    kept_back = [
        element.text
        for element in ElementTree.parse(path).iter("string")
        if element.get("notr") == "true"
    ]
    assert kept_back == []
