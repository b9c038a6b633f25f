"""Slicer's PythonQt and PySide6 differ; panels keep to what both understand.

What is forbidden works in one of them and fails, or worse does nothing, in the other.
"""

from __future__ import annotations

import ast

import pytest

from Testing.layout.imports_in_source import EXTENSION, python_files

# Qt properties: a value in PythonQt, a method in PySide6. Read with property("…").
PROPERTIES = {
    "text", "value", "currentIndex", "currentText", "currentPath", "rowCount", "columnCount",
    "width", "height", "toolTip", "objectName", "windowTitle", "title", "maximum", "minimum",
    "checked", "enabled", "visible", "collapsed", "suffix", "decimals", "plainText",
}  # fmt: skip
# Setting these as attributes writes in PythonQt and silently does nothing in PySide6.
ATTRIBUTES = PROPERTIES | {"noneEnabled", "nodeTypes", "filters", "currentNodeID", "singleStep"}
# Not in PythonQt, or not in ctk there.
FORBIDDEN_CALLS = {"setCollapsed", "exec_", "setSingleStep", "setDecimals", "className"}
SLIDER_CALLS = {"setMinimum", "setMaximum", "setRange", "setTracking"}
FORBIDDEN = {"qt.QRegExp", "qt.Signal", "qt.Slot", "qt.Property", "qt.QDesktopWidget"}

MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "ChestXray",
    "RaterAgreement",
)
FILES = [path for name in (*MODULES, "medai_panels") for path in python_files(name)]


def complaints(source: str) -> list[str]:
    """What in ``source`` one of the two would not understand, with line numbers."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = f"line {getattr(node, 'lineno', 0)}: "
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            receiver = ast.unparse(node.func.value)
            # Items of tables and lists are no QObjects: their text stays a method.
            is_plain = receiver in ("self", "item") or ".item(" in receiver
            if name in PROPERTIES and not node.args and not node.keywords and not is_plain:
                found.append(
                    f"{line}{receiver}.{name}() is a value in PythonQt: property('{name}')"
                )
            if name in FORBIDDEN_CALLS:
                found.append(f"{line}{name} does not exist in PythonQt")
            if name in SLIDER_CALLS and "slider" in receiver.lower():
                found.append(f"{line}ctkSliderWidget.{name} does not exist: setProperty")
            if name in ("connect", "disconnect") and node.args and _is_text(node.args[0]):
                found.append(f"{line}the string form of {name} exists only in PythonQt")
            if name == "findChildren" and not node.args:
                found.append(f"{line}findChildren() needs a class in PythonQt")
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            kind = ast.unparse(node.args[1])
            if any(part in kind for part in ("qt.", "ctk.", "slicer.q")):
                found.append(f"{line}isinstance with {kind} is False in PythonQt: inherits('…')")
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in ATTRIBUTES:
                    receiver = ast.unparse(target.value)
                    if receiver not in ("self", "self.parent"):
                        found.append(f"{line}{receiver}.{target.attr} = … does nothing in PySide6")
        if (
            isinstance(node, ast.Attribute)
            and f"{ast.unparse(node.value)}.{node.attr}" in FORBIDDEN
        ):
            found.append(f"{line}{ast.unparse(node)} is not in PythonQt")
    return found


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(EXTENSION).as_posix())
def test_a_panel_file_keeps_to_what_pythonqt_and_pyside6_share(path):
    assert complaints(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "label.text()",
        "self.ui.slider.value()",
        "button.enabled = False",
        "button.connect('clicked()', f)",
        "isinstance(w, qt.QWidget)",
        "section.setCollapsed(True)",
        "self.ui.scoreSlider.setRange(0, 1)",
        "qt.QRegExp('x')",
        "w.findChildren()",
    ],
)
def test_the_scan_sees_each_kind_of_mistake(line):
    assert len(complaints(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "label.property('text')",
        "button.setEnabled(False)",
        "button.clicked.connect(f)",
        "bar.setRange(0, 0)",
        "self.text = 'x'",
        "w.inherits('QWidget')",
        "table.item(0, 1).text()",
    ],
)
def test_the_scan_lets_the_shared_idioms_pass(line):
    assert complaints(line) == []
