"""Who may import whom: the arrows of the design, held against every import in the source."""

from __future__ import annotations

import sys

import pytest

from Testing.layout.imports_in_source import (
    EXTENSION,
    imports_of,
    python_files,
    rooms_of,
    top_levels,
)

GROUND = {
    "cancellation",
    "child_process",
    "csv_text",
    "unlinked",
    "errors",
    "file_lock",
    "output",
    "plain_text",
    "progress",
    "palette",
    "resources",
    "terminology",
    "tables",
    "tasks",
    "__version__",
}
NETWORKS = GROUND | {"networks"}
IMAGES = GROUND | {"images"}
# Room -> rooms that it may import; its own is always allowed. Arrows point down only.
ALLOWED = {
    "child_process": set(),
    "errors": set(),
    "palette": set(),
    "plain_text": set(),
    "csv_text": set(),
    "unlinked": {"errors"},
    "progress": set(),
    "cancellation": {"errors"},
    "tables": set(),
    # Names the parts of a task by text: it imports none of them.
    "tasks": {"errors"},
    "file_lock": set(),
    "output": {"errors", "file_lock"},
    "resources": {"errors"},
    "terminology": {"errors", "resources"},
    "images": GROUND,
    "networks": {"errors"},
    "agreement": {"cancellation", "errors", "progress", "tables"},
    "host": GROUND,
    "phantoms": IMAGES,
    "measures": IMAGES,
    "models": NETWORKS | IMAGES,
    # Clinical data: it knows no image, only what their results say on disk.
    "prognosis": GROUND,
    "studies": IMAGES | {"agreement", "measures", "models", "phantoms"},
    "inference": NETWORKS | IMAGES | {"measures", "models"},
}
BELOW_VIEWS = {"inference", "studies", "agreement", "models", "measures", "networks", "images"}
ALLOWED["scene"] = BELOW_VIEWS | GROUND | {"host"}
ALLOWED["reports"] = BELOW_VIEWS | GROUND | {"prognosis"}
ALLOWED["dicom_output"] = GROUND | {"images", "inference", "measures"}
ALLOWED["batch"] = BELOW_VIEWS | GROUND | {"reports"}
# Asks for an analysis as a process of its own: it imports no report.
ALLOWED["web"] = GROUND | {"images", "studies"}
ALLOWED["api"] = BELOW_VIEWS | GROUND | {"reports"}
ALLOWED["commands"] = {*ALLOWED, "reports", "scene"}
ALLOWED["cli"] = {*ALLOWED, "commands"}
ALLOWED["__main__"] = {*ALLOWED, "cli"}

# Within inference, one room a task: covid measures severity with lesions, running knows no task.
TASK_ROOMS = {"lesions", "covid", "cataract", "xray", "worker"}
WITHIN_INFERENCE = {
    "running": set(),
    "lesions": set(),
    "covid": {"lesions"},
    "cataract": set(),
    "xray": set(),
}

MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "ChestXray",
    "RaterAgreement",
)
# The libraries that only some rooms may know, and which.
ONLY_IN = {
    "slicer": {"scene", "host"},
    "vtk": {"scene", "host"},
    "vtkmodules": {"scene", "host"},
    "vtkSegmentationCore": {"scene", "host"},
    "torch": {"networks", "models", "inference"},
    "torchvision": {"networks", "models", "inference"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "pydantic": {"web"},
    "uvicorn": {"web"},
    "typer": {"cli", "commands"},
    "rich": {"cli", "commands"},
    "matplotlib": {"reports"},
    "SimpleITK": {"images"},
    "pydicom": {"images", "scene", "dicom_output"},
    "highdicom": {"dicom_output"},
    "dask": {"batch"},
    "distributed": {"batch"},
    "dask_jobqueue": {"batch"},
}
QT = {"qt", "ctk", "PySide6", "PySide2", "PyQt5", "PyQt6", "PythonQt", "shiboken6"}


def room(path) -> str:
    return path.relative_to(EXTENSION / "medai").with_suffix("").parts[0]


def name_of(path) -> str:
    return path.relative_to(EXTENSION).as_posix()


PACKAGE_FILES = [path for path in python_files("medai") if room(path) != "__init__"]
MODULE_FILES = [path for module in MODULES for path in python_files(module)]
PANEL_FILES = python_files("medai_panels")
ALL_FILES = [*PACKAGE_FILES, *MODULE_FILES, *PANEL_FILES]


def test_every_room_has_its_arrows_written_down():
    assert {room(path) for path in PACKAGE_FILES} <= set(ALLOWED)


def test_the_arrows_make_no_circle():
    order: list[str] = []
    while len(order) < len(ALLOWED):
        free = [r for r in ALLOWED if r not in order and ALLOWED[r] & set(ALLOWED) <= set(order)]
        assert free, f"circle among {sorted(set(ALLOWED) - set(order))}"
        order += free


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=name_of)
def test_a_room_imports_only_rooms_below_it(path):
    wrong = rooms_of(imports_of(path)) - ALLOWED[room(path)] - {room(path)}
    assert not wrong, f"{name_of(path)} is in {room(path)} and imports {sorted(wrong)}"


@pytest.mark.parametrize("own", sorted(WITHIN_INFERENCE))
def test_inference_has_one_room_a_task_and_running_knows_none(own):
    for path in python_files(f"medai/inference/{own}"):
        names = [n.split(".") for n in imports_of(path) if n.startswith("medai.inference.")]
        wrong = {n[2] for n in names} & TASK_ROOMS - WITHIN_INFERENCE[own] - {own}
        assert not wrong, f"{name_of(path)} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", PACKAGE_FILES, ids=name_of)
def test_the_package_knows_no_qt_and_libraries_stay_in_their_rooms(path):
    libraries = top_levels(imports_of(path))
    assert not libraries & (QT | {"medai_panels"})
    wrong = {lib for lib, rooms in ONLY_IN.items() if lib in libraries and room(path) not in rooms}
    assert not wrong, f"{name_of(path)} is in {room(path)} and imports {sorted(wrong)}"


@pytest.mark.parametrize(
    ("name", "libraries"),
    [
        ("agreement", {"numpy", "scipy", "medai"}),
        ("networks", {"torch", "torchvision", "medai"}),
        ("errors", set()),
        ("progress", set()),
        ("cancellation", {"medai"}),
        ("tables", set()),
        ("tasks", {"medai"}),
        ("palette", {"numpy"}),
        ("output", {"medai"}),
    ],
)
def test_some_rooms_know_only_these_libraries(name, libraries):
    for path in PACKAGE_FILES:
        if room(path) == name:
            used = top_levels(imports_of(path)) - set(sys.stdlib_module_names)
            assert used <= libraries, f"{name_of(path)} imports {sorted(used - libraries)}"


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_nothing_that_is_installed_imports_training_or_tests(path):
    assert not top_levels(imports_of(path)) & {"training", "Testing", "pytest", "hypothesis"}


@pytest.mark.parametrize("path", PANEL_FILES, ids=name_of)
def test_shared_panel_code_knows_no_command_line_and_no_single_module(path):
    names = imports_of(path)
    assert not rooms_of(names) & {"cli", "commands", "host"}
    assert not top_levels(names) & {*MODULES, *ONLY_IN} - {"slicer", "vtk"}
    assert not top_levels(names) & (QT - {"qt", "ctk"})


@pytest.mark.parametrize("path", MODULE_FILES, ids=name_of)
def test_a_module_knows_no_command_line_no_other_module_and_no_torch(path):
    names = imports_of(path)
    others = set(MODULES) - {path.relative_to(EXTENSION).parts[0]}
    assert not rooms_of(names) & {"cli", "commands", "host", "networks"}
    assert not top_levels(names) & others
    assert not top_levels(names) & {"torch", "torchvision", "SimpleITK", "matplotlib", "typer"}
    assert not top_levels(names) & (QT - {"qt", "ctk"})


def test_the_test_sees_lazy_and_relative_imports(tmp_path, monkeypatch):
    monkeypatch.setattr("Testing.layout.imports_in_source.EXTENSION", tmp_path)
    file = tmp_path / "medai" / "images" / "x.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "def f():\n    import slicer.util\n    from ..scene import show\n"
        "    from importlib import import_module\n    import_module('medai.cli')\n"
    )
    assert {"slicer.util", "medai.scene", "medai.scene.show", "medai.cli"} <= imports_of(file)
